git init -q .
echo 'registry: registry.example.com' > gitopsc.yaml
cat > hello.yaml <<EOF
kind: python
name: hello
spec:
  python_version: PYTHON3_11
  source: {code: 'def hello(): ...', handler: hello}
EOF
echo main.py > .gitignore
gitopsc compile
