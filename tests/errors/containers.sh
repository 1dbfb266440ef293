git init -q .
cat > gitopsc.yaml <<END
project: demo
registry: registry.example.com
stores: {default: s3://demo/data}
END
cat > all.yaml <<END
kind: container
name: tiler
spec: {image: "registry.example.com/tools/tiler:2.1", source: {source: Dockerfile, lang: dockerfile}}
---
kind: container
name: bare
spec: {command: tiler}
---
kind: python
name: etl
spec: {python_version: PYTHON3_11, source: {code: "def etl(): ...", handler: etl}}
---
kind: python+job:run
name: wrong-runtime
spec: {function: tiler}
---
kind: container+job:run
name: wrong-too
spec: {function: etl}
---
kind: container+serve:run
name: no-ports
spec: {function: tiler, gitops: {scale: {max: 3, concurrency: 9}}}
---
kind: container+serve:run
name: twice
spec: {function: tiler, service_ports: [{port: 80}, {port: 80, target_port: 81}]}
---
kind: container+deploy:run
name: unreachable
spec: {function: tiler, gitops: {expose: {host: a.example.com}}}
---
kind: container+job:run
name: reader
spec:
  function: tiler
  parameters: {country: IT}
  envs: [{name: DATA, value: store://demo/artifact/artifact/x}, {name: URL, value: '\${service:unreachable}'}]
---
kind: container+job:run
name: reads
spec: {function: tiler, envs: [{name: DATA, value: store://demo/artifact/artifact/x}, {name: URL, value: '\${service:unreachable}'}]}
---
kind: scheduler
name: nightly
spec: {function: etl, schedule: 0 0 3 * * ?, template: {args: [x]}}
---
kind: container+job
spec: {function: etl}
---
kind: container+build:run
name: build
spec: {function: tiler}
END
gitopsc validate
