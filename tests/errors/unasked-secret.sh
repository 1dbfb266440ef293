git init -q .
cat > gitopsc.yaml <<END
project: demo
registry: registry.example.com
stores: {default: {url: s3://demo/data, secrets: [AWS_KEY]}}
secrets:
  TOKNE: {name: chat, key: token}
  OTHER: {name: chat, key: token}
  AWS_KEY: {name: aws, key: key}
environments:
  staging: {secrets: {USRE: {name: chat, key: user}}}
  production: {}
END
cat > all.yaml <<END
kind: python
name: etl
spec: {python_version: PYTHON3_11, source: {code: "def etl(): ...", handler: etl}}
---
kind: python+job:run
name: notify
spec: {function: etl, secrets: [TOKEN, USER]}
END
gitopsc validate
