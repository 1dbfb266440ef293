git init -q .
ln -s nothing gitopsc.yaml
gitopsc compile
