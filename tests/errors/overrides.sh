git init -q .
cat > gitopsc.yaml <<END
project: demo
registry: registry.example.com
stores: {default: s3://demo/data}
environments:
  staging:
    cluster: eu
    namespace: demo
    runs:
      nightli: {parameters: {country: FR}}
      nightly:
        parameters: {contry: FR}
        replicas: 2
        schedule: 0 3 * * *
        profile: bigg
        envs: [{name: TOKEN, value: x}]
      api:
        parameters: {greeting: ciao}
        init_parameters: {greeting: store://demo/artifact/artifact/greeting}
        envs: [{name: A, value: x}]
      weekly: {backoff_limit: 1}
  production: {cluster: us, namespace: demo, runs: {weekly: {gitops: {deadline: 60}}}}
END
cat > all.yaml <<END
kind: python
name: etl
spec: {python_version: PYTHON3_11, source: {code: "def etl(country): ...", handler: etl}}
---
kind: python
name: api
spec: {python_version: PYTHON3_11, source: {code: "def start(context, greeting): ...\ndef api(context, event): ...", handler: api, init_function: start}}
---
kind: python+job:run
name: nightly
spec: {function: etl, parameters: {country: IT}, secrets: [TOKEN]}
---
kind: python+serve:run
name: api
spec: {function: api, init_parameters: {greeting: hello}}
---
kind: python+job:run
name: weekly
spec: {function: etl, parameters: {country: IT}, gitops: {only: [production]}}
END
gitopsc validate
