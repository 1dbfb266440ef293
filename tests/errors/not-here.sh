git init -q .
cat > gitopsc.yaml <<END
project: demo
registry: registry.example.com
stores: {default: s3://demo/data}
environments: {staging: {}, production: {}}
END
cat > all.yaml <<END
kind: python
name: etl
spec: {python_version: PYTHON3_11, source: {code: "def etl(data=None): return {'made': data}", handler: etl}}
---
kind: python+job:run
name: make
spec:
  function: etl
  outputs: {made: cities}
  gitops: {only: [production, stagin]}
---
kind: python+job:run
name: use
spec:
  function: etl
  inputs: {data: cities}
END
gitopsc validate
