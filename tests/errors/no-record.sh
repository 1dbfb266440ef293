printf 'project: project\nregistry: registry.example.com\n' > gitopsc.yaml
cat > etl.yaml <<'EOF'
kind: python
name: etl
spec:
  python_version: PYTHON3_11
  source:
    handler: run
    code: "def run(): ..."
---
kind: python+job:run
name: nightly
spec:
  function: etl
EOF
gitopsc validate
