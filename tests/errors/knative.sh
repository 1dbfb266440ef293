git init -q .
cat > gitopsc.yaml <<END
project: demo
registry: registry.example.com
stores: {default: s3://demo/data}
profiles: {gpu: {node_selector: {gpu: a100}}}
environments:
  staging: {network: {restrict: true}}
  production: {}
END
cat > all.yaml <<END
kind: python
name: api
spec: {python_version: PYTHON3_11, source: {code: "def api(context, event): ...", handler: api}}
---
kind: python+serve:run
name: by-cpu
spec: {function: api, gitops: {scale: {min: 0, max: 3}}}
---
kind: python+serve:run
name: everything
spec:
  function: api
  profile: gpu
  service_type: NodePort
  volumes: [{name: models, volume_type: persistent_volume_claim, mount_path: /models}]
  gitops:
    scale: {min: 0, max: 3, cpu: 50, concurrency: 5}
    expose: {host: a.example.com}
    only: [production]
---
kind: container
name: tiles
spec: {image: "registry.example.com/tiles:1"}
---
kind: container+serve:run
name: taken
spec:
  function: tiles
  service_ports: [{port: 80, target_port: 9090}]
  envs: [{name: PORT, value: "9090"}]
  gitops: {scale: {min: 0, max: 3, concurrency: 5}, only: [production]}
---
kind: container+deploy:run
name: unasked
spec: {function: tiles, gitops: {scale: {min: 0, max: 3, concurrency: 5}, only: [production]}}
END
gitopsc validate
