cat > gitopsc.yaml <<'EOF'
project: project
registry: registry.example.com
stores:
  default: file:///data
environments:
  laptop: {}
  cluster: {stores: {default: "s3://cities/data"}}
EOF
cat > etl.yaml <<'EOF'
kind: python
name: etl
spec:
  python_version: PYTHON3_11
  source:
    handler: run
    code: "def run(cities=None): ..."
---
kind: python+job:run
name: nightly
spec:
  function: etl
  outputs: {cities: world-cities}
---
kind: python+job:run
name: reads
spec:
  function: etl
  inputs: {cities: world-cities}
EOF
gitopsc compile
