git init -q .
printf 'project: project\nbuild: {in_cluster: true}\n' > gitopsc.yaml
cat > etl.yaml <<EOF
kind: python
name: etl
spec:
  python_version: PYTHON3_11
  source: {code: 'def run(): ...', handler: run}
---
kind: python+build:run
name: build-etl
spec: {function: etl}
EOF
gitopsc compile
