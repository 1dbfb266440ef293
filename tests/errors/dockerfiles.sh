git init -q .
printf 'project: project\nregistry: registry.example.com\nstores: {default: s3://demo/data}\n' > gitopsc.yaml
mkdir tool
echo 'FROM alpine:3.20' | tee Dockerfile > tool/Dockerfile
cat > all.yaml <<EOF
{kind: container, name: neither, spec: {command: run}}
---
{kind: container, name: both, spec: {image: "registry.example.com/x:1", dockerfile: tool/Dockerfile}}
---
{kind: container, name: missing, spec: {dockerfile: tool/Dockerfil}}
---
{kind: container, name: outside, spec: {dockerfile: ../Dockerfile}}
---
{kind: container, name: everything, spec: {dockerfile: Dockerfile}}
---
{kind: container, name: older, spec: {base_image: "alpine:3.20", dockerfile: tool/Dockerfile}}
EOF
gitopsc validate
