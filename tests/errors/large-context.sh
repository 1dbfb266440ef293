git init -q .
cat > gitopsc.yaml <<EOF
project: project
registry: registry.example.com
build: {in_cluster: true, address: "tcp://buildkitd.build.svc:1234"}
EOF
cat > etl.yaml <<EOF
kind: python
name: etl
spec:
  python_version: PYTHON3_11
  source: {source: src, handler: "etl:run"}
---
kind: python+build:run
name: build-etl
spec: {function: etl}
EOF
mkdir src
echo 'def run(): ...' > src/etl.py
head -c 150000 /dev/zero > src/model.bin
gitopsc compile
