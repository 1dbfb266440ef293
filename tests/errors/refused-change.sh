git init -q .
cat > gitopsc.yaml <<END
{project: demo, registry: registry.example.com, stores: {default: "s3://data"}}
END
cat > all.yaml <<END
{kind: python, name: etl, spec: {python_version: PYTHON3_11, source: {code: "def run(): ...", handler: run}}}
---
kind: python+job:run
name: nightly
spec:
  function: etl
  volumes:
    - {volume_type: persistent_volume_claim, name: data, mount_path: /data, spec: {size: 2Gi}}
    - {volume_type: persistent_volume_claim, name: cache, mount_path: /cache, spec: {size: 1Gi, storage_class: fast}}
    - {volume_type: persistent_volume_claim, name: more, mount_path: /more, spec: {size: 1Gi}}
    - {volume_type: shared_volume, name: team, mount_path: /team, spec: {size: 1024Mi}}
END
gitopsc compile
git add -A
git -c user.name=a -c user.email=a@example.com commit -qm one
sed -i 's/size: 2Gi/size: 1Gi/; s/class: fast/class: slow/; s/more, spec: {size: 1Gi}/more, spec: {size: 3Gi}/' all.yaml
sed -i 's/1024Mi}/1Gi, access_mode: ReadWriteMany}/' all.yaml
gitopsc compile
