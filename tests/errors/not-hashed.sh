git init -q .
echo 'project: project' > gitopsc.yaml
cat > etl.yaml <<'EOF'
kind: python
name: etl
spec:
  python_version: PYTHON3_11
  source: {code: "def run(): ...", handler: run}
  requirements: ["team-etl @ git+https://git.example.com/team/etl"]
EOF
gitopsc lock
