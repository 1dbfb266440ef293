git init -q .
cat > gitopsc.yaml <<END
project: demo
registry: registry.example.com
stores: {default: s3://demo/data}
patches:
  - target: {kind: Deployment, run: apii}
    merge: {spec: {minReadySeconds: 5}}
  - target: {kind: CronJob}
    merge: {spec: {suspend: true}}
  - target: {kind: Deployment, run: api}
    merge:
      metadata: {labels: {team: 3}}
      spec:
        replicas: "2"
        template:
          spec:
            dnsPolcy: None
            schedulingGroup: {podGroupName: a}
            containers:
              - image: registry.example.com/proxy:1
              - {name: function, env: {A: b}}
              - {name: proxy, \$patch: remove}
  - target: {kind: Deployment, run: api}
    merge:
      metadata: {name: other}
      spec: {selector: {matchLabels: {app: api}}}
  - target: {kind: Deployment, run: api}
    merge: {\$patch: delete}
  - target: {kind: Service}
    merge: {spec: {ports: [{port: 9090, \$patch: delete}]}}
  - target: {kind: Ingress, run: api}
    merge: {spec: {rules: [{http: {paths: [{path: /}]}}]}}
  - target: {kind: Job, run: nightly}
    merge: {spec: {template: {spec: {restartPolicy: OnFailure}}}}
  - target: {kind: Job, run: tiles}
    merge: {spec: {template: {spec: {containers: [{name: function, command: [other]}]}}}}
  - target: {kind: Job, run: nightly}
    json:
      - {op: add, path: /spec/suspend, value: 1}
  - target: {kind: Deployment, run: api}
    merge:
      spec:
        progressDeadlineSeconds: -1
        template: {spec: {terminationGracePeriodSeconds: -1}}
  - target: {kind: Deployment, run: api}
    merge:
      spec:
        template:
          spec: {containers: [{name: function, volumeMounts: [{name: scrach, mountPath: /data}]}]}
  - target: {kind: Job}
    json:
      - {op: remove, path: /spec/ttlSecondsAfterFinished}
environments:
  staging:
    patches: [{target: {kind: Job, run: api}, merge: {spec: {suspend: true}}}]
  production: {}
END
cat > all.yaml <<END
kind: python
name: etl
spec: {python_version: PYTHON3_11, source: {code: "def etl(): ...", handler: etl}}
---
kind: python+job:run
name: nightly
spec: {function: etl}
---
kind: container
name: tiler
spec: {image: "registry.example.com/tools/tiler:2.1", command: tile}
---
kind: container+job:run
name: tiles
spec: {function: tiler, outputs: {tiles: store://demo/artifact/artifact/tiles}}
---
kind: python+serve:run
name: api
spec: {function: etl, gitops: {expose: {host: a.example.com}}}
END
gitopsc validate
