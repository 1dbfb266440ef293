git init -q .
cat > gitopsc.yaml <<END
project: demo
registry: registry.example.com
profiles:
  small: {resources: {requests: {mem: 2Gi}, limits: {mem: 1Gi}}}
END
cat > all.yaml <<END
kind: python
name: etl
spec: {python_version: PYTHON3_11, source: {code: "def etl(): ...", handler: etl}}
---
kind: python+job:run
name: alone
spec: {function: etl, profile: small}
END
gitopsc validate
