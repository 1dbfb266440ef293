git init -q .
echo 'project: demo' > gitopsc.yaml
gitopsc compile --check
