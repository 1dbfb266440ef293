git init -q .
cat > gitopsc.yaml <<END
project: demo
registry: ghost.example.com/x
stores: {default: s3://demo/data}
policies:
  registries: [registry.example.com]
  base_images: ["python:3.*-slim"]
  digests: true
  requests: [cpu, mem]
  limits: [cpu]
  labels: [team]
  pull_policy: Always
allow:
  - {code: C805, path: old/**, reason: these runs go away in March}
  - {code: C801, path: never/**, reason: nothing is here at all}
END
mkdir old
cat > all.yaml <<END
kind: python
name: etl
spec: {python_version: PYTHON3_11, source: {code: "def etl(): ...", handler: etl}}
---
kind: python
name: odd
spec: {python_version: PYTHON3_11, base_image: "debian:12", source: {code: "def odd(): ...", handler: odd}}
---
kind: python+job:run
name: odd
spec: {function: odd, resources: {cpu: 1, mem: 1Gi}, gitops: {pod: {labels: {team: geo}, pull_policy: Never}}}
END
cat > old/all.yaml <<END
kind: python+job:run
name: nightly
spec: {function: etl}
---
kind: python
name: ready
spec: {python_version: PYTHON3_11, image: "other.example.com/x/y:1", source: {code: "def r(): ...", handler: r}}
---
kind: python+job:run
name: ready
spec:
  function: ready
  volumes: [{name: models, volume_type: image, mount_path: /models, spec: {image: "other.example.com/m:1"}}]
END
mkdir tiler
cat > tiler/Dockerfile <<END
FROM docker.io/library/golang:1.23 AS build
FROM --platform=linux/amd64 build
FROM scratch
END
cat > tiler/all.yaml <<END
kind: container
name: tiler
spec: {dockerfile: tiler/Dockerfile}
---
kind: container+job:run
name: tiles
spec:
  function: tiler
  resources: {cpu: {requests: 1, limits: 1}, mem: 1Gi}
  gitops: {pod: {labels: {team: geo}, pull_policy: Always}}
END
gitopsc validate
