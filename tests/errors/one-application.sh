git init -q .
for each in geo geo-prod; do
  mkdir $each
  environment=eu
  test $each = geo-prod || environment=prod-eu
  cat > $each/gitopsc.yaml <<END
project: $each
registry: registry.example.com
stores: {default: s3://$each/data}
environments:
  $environment: {namespace: $each, controller: {argocd: {repo: https://git.example.com/all}}}
END
  cat > $each/all.yaml <<END
kind: python
name: etl
spec: {python_version: PYTHON3_11, source: {code: "def etl(): ...", handler: etl}}
END
done
gitopsc validate
