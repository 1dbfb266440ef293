git init -q .
printf 'project: project\nregistry: registry.example.com\n' > gitopsc.yaml
gitopsc compile --base main~7
