git init -q .
printf 'project: project\nregistry: registry.example.com\n' > gitopsc.yaml
mkdir src
echo 'def run(): ...' > src/etl.py
truncate -s 3G src/model.bin
cat > etl.yaml <<EOF
kind: python
name: etl
spec:
  python_version: PYTHON3_11
  source: {source: src, handler: "etl:run"}
EOF
gitopsc compile
