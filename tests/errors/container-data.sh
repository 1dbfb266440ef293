git init -q .
cat > gitopsc.yaml <<END
project: demo
registry: registry.example.com
stores: {default: s3://demo/data}
policies: {base_images: ["registry.example.com/*"]}
environments: {one: {}, two: {target: argo-workflows, stores: {default: s3://demo/two}}}
END
cat > all.yaml <<END
kind: container
name: tiler
spec: {image: "registry.example.com/tools/tiler:2.1"}
---
kind: container+job:run
name: makes
spec: {function: tiler, outputs: {tiles: store://demo/artifact/artifact/tiles}}
---
kind: container+serve:run
name: serves
spec: {function: tiler, service_ports: [{port: 80}], inputs: {tiles: store://demo/artifact/artifact/tiles}}
---
kind: container
name: known
spec: {image: "registry.example.com/tools/known:2.1", command: known}
---
kind: container+job:run
name: sharded
spec: {function: known, inputs: {tiles: store://demo/artifact/artifact/tiles}, gitops: {completions: 3}}
---
kind: container+job:run
name: hides
spec:
  function: known
  inputs: {tiles: store://demo/artifact/artifact/tilse}
  volumes: [{name: mine, volume_type: empty_dir, mount_path: /inputs}]
---
kind: container+job:run
name: odd
spec:
  function: known
  inputs: {../x: store://demo/artifact/artifact/tiles, project: store://demo/artifact/artifact/tiles}
  outputs: {"a b": odd, ..: even}
---
kind: scheduler
name: nightly
spec: {function: known, schedule: 0 0 3 * * ?, template: {outputs: {more: store://demo/artifact/artifact/more}}}
END
gitopsc compile
