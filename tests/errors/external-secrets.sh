git init -q .
cat > gitopsc.yaml <<END
project: demo
registry: registry.example.com
stores: {default: s3://demo/data}
secrets:
  TOKEN: {name: chat, key: token, external: {store: vault, path: chat}}
  USER: {name: chat, key: user}
  KEY: {name: keys, key: a, external: {path: keys}}
  OTHER: {name: keys, key: a, external: {path: others}}
  LEAKED: {name: db, key: url, value: hunter2supersecret}
  LISTED: {name: both, key: [], external: {store: a, path: keys}}
  BOTH: {name: both, key: a, external: {store: a, cluster_store: b, path: keys}}
environments:
  staging:
    secrets:
      TOKEN: {name: chat, key: token}
  production:
    secrets:
      USER: {name: chat, key: user, external: {cluster_store: vault, path: chat}}
END
cat > all.yaml <<END
kind: python
name: etl
spec: {python_version: PYTHON3_11, source: {code: "def etl(): ...", handler: etl}}
---
kind: python+job:run
name: alone
spec: {function: etl, secrets: [TOKEN, USER]}
END
gitopsc validate
