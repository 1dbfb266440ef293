git init -q .
printf 'project: project\nregistry: registry.example.com\n' > gitopsc.yaml
cat > hello.yaml <<EOF
kind: python
name: hello
spec:
  python_version: PYTHON3_11
  source: {code: 'def hello(): ...', handler: hello}
EOF
cat > run.yaml <<EOF
kind: python+job:run
name: hello
spec:
  function: hello
  envs: []
  parameters:
    text: $(head -c 251000 /dev/zero | tr '\0' x)
EOF
sed -i 's/hello():/hello(text):/' hello.yaml
gitopsc compile
