git init -q .
cat > gitopsc.yaml <<END
project: demo
registry: registry.example.com
stores: {default: s3://demo/data}
patches:
  - target: {kind: Deployment, run: api}
    merge:
      spec:
        template:
          spec:
            hostNetwork: true
            volumes: [{name: node, hostPath: {path: /var/lib}}]
            containers:
              - name: function
                securityContext: {privileged: true, runAsUser: 0, capabilities: {add: [SYS_ADMIN]}}
              - {name: proxy, image: "registry.example.com/proxy:1"}
  - target: {kind: Job}
    json: [{op: remove, path: /spec/template/spec/securityContext/seccompProfile}]
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
kind: python+serve:run
name: api
spec: {function: etl}
END
gitopsc validate
