git init -q .
mkdir team
echo 'registry: registry.example.com' > team/gitopsc.yaml
cat > hello.yaml <<EOF
kind: python
name: hello
spec:
  python_version: PYTHON3_11
  source: {code: 'def hello(): ...', handler: hello}
EOF
cp hello.yaml team
gitopsc compile
