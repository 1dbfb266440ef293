git init -q .
cat > gitopsc.yaml <<END
project: demo
registry: registry.example.com
stores: {default: s3://demo/data}
environments:
  nowhere: {controller: {argocd: {repo: https://git.example.com/geo/demo}}}
  staging: {namespace: demo, controller: {argocd: {repo: https://git.example.com/geo/demo}}}
  production: {namespace: demo, cluster: two, controller: {argocd: {repo: https://git.example.com/geo/demo}}}
  third: {namespace: third, controller: {flux: {source: demo, repo: https://git.example.com/geo/demo}}}
  fourth: {namespace: fourth, controller: {flux: {source: demo, repo: https://git.example.com/geo/demo, tag: production}}}
  fifth: {controller: {flux: {source: other}}}
END
cat > all.yaml <<END
{kind: python, name: etl, spec: {python_version: PYTHON3_11, source: {code: "def etl(): ...", handler: etl}}}
---
{kind: python+job:run, name: nightly, spec: {function: etl}}
END
gitopsc validate
