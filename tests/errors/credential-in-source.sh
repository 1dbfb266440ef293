git init -q .
cat > gitopsc.yaml <<EOF
project: demo
registry: registry.example.com
allow:
  - {code: C325, path: src/old.py, reason: a token of a server that no longer exists}
  - {code: C323, path: docs/**, reason: the documentation shows a token}
EOF
mkdir src
echo 'TOKEN = "glpat-aaaaaaaaaaaaaaaaaaaa"' > src/old.py
cat > src/etl.py <<EOF
import old

db_password = "hunter2"

def run(): ...
EOF
cat > etl.yaml <<EOF
kind: python
name: etl
spec:
  python_version: PYTHON3_11
  source: {source: src, handler: "etl:run"}
EOF
gitopsc validate
