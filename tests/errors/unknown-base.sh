git init -q .
echo 'registry: registry.example.com' > gitopsc.yaml
gitopsc compile --base main~7
