git init -q .
cat > gitopsc.yaml <<END
project: demo
registry: registry.example.com
stores: {default: s3://demo/data}
environments:
  one:
    runs:
      makes: {parameters: {country: IT}}
      answers: {gitops: {deadline: 60, backoff_limit: 2}}
END
cat > all.yaml <<END
kind: container
name: tiler
spec: {image: "registry.example.com/tools/tiler:2.1", command: tile, source: main.py}
---
kind: container
name: nowhere
spec: {image: "https://registry.example.com/tools/tiler:2.1"}
---
kind: container
name: short
spec: {image: "registry.example.com/tools/tiler:2.1@sha256:abc"}
---
kind: container+job:run
name: makes
spec:
  function: tiler
  outputs: {tiles: store://demo/artifact/artifact/tiles}
  envs: [{name: JOB_COMPLETION_INDEX, value: "7"}]
  gitops: {completions: 2}
---
kind: container+serve:run
name: answers
spec: {function: tiler, service_ports: [{port: 80}], gitops: {deadline: 60}}
---
kind: lifecycle
name: after
spec: {function: tiler, key: store://demo/artifact/artifact/tiles, template: {args: ["{{input.name}}"]}}
END
gitopsc validate
