git init -q .
cat > gitopsc.yaml <<END
project: demo
registry: registry.example.com
stores: {default: s3://demo/data}
environments:
  staging: {}
  production:
    runs:
      web: {gitops: {expose: {host: demo.example.com, path: /api/}}}
END
cat > all.yaml <<END
kind: python
name: api
spec: {python_version: PYTHON3_11, source: {code: "def api(context, event): ...", handler: api}}
---
kind: python+serve:run
name: api
spec:
  function: api
  replicas: 2
  gitops:
    scale: {min: 4, max: 2}
    expose: {host: demo.example.com, path: /api}
---
kind: python+serve:run
name: web
spec:
  function: api
  gitops:
    expose: {host: web.example.com, class: nginx, gateway: {name: public}}
---
kind: python+job:run
name: job
spec:
  function: api
  gitops: {expose: {host: job.example.com}, scale: {max: 2}, pod: {labels: {gitopsc/run: x}}}
END
gitopsc validate
