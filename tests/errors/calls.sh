git init -q .
cat > gitopsc.yaml <<END
project: demo
registry: registry.example.com
environments: {staging: {}, production: {}}
END
cat > all.yaml <<END
kind: python
name: api
spec: {python_version: PYTHON3_11, source: {code: "def api(context, event): ...", handler: api}}
---
kind: python
name: etl
spec: {python_version: PYTHON3_11, source: {code: "def etl(url): ...", handler: etl}}
---
kind: python+serve:run
name: model
spec: {function: api, gitops: {only: [production]}}
---
kind: python+job:run
name: other
spec: {function: etl, parameters: {url: "none"}}
---
kind: python+job:run
name: ask
spec:
  function: etl
  parameters: {url: '\${service:modell}/v1'}
  envs:
    - {name: OTHER, value: '\${service:other}'}
    - {name: MODEL, value: '\${service:model}'}
END
gitopsc validate
