git init -q .
cat > gitopsc.yaml <<END
project: demo
registry: registry.example.com
metrics: pod-monitor
environments:
  staging: {network: {restrict: true}}
  production: {network: {restrict: true, allow: [ingress-nginx]}}
END
cat > all.yaml <<END
kind: python
name: api
spec: {python_version: PYTHON3_11, source: {code: "def api(context, event): ...", handler: api}}
---
kind: python+serve:run
name: api
spec: {function: api, gitops: {expose: {host: api.example.com}}}
---
kind: python+serve:run
name: routed
spec: {function: api, gitops: {expose: {host: routed.example.com, gateway: {name: all, namespace: gateways}}}}
---
kind: python+serve:run
name: balanced
spec: {function: api, service_type: LoadBalancer}
---
kind: python+serve:run
name: inside
spec: {function: api}
END
gitopsc validate
