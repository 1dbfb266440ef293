git init -q .
printf 'project: project\nregistry: registry.example.com\n' > gitopsc.yaml
cat > hello.yaml <<EOF
kind: python
name: hello
spec:
  python_version: PYTHON3_11
  source: {code: 'def hello(): ...', handler: hello}
EOF
mkdir deploy
echo state > deploy/terraform.tfstate
echo TOKEN=1 > .env
printf '<<<<<<< HEAD\n\nterraform.tfstate\n=======\n../.env\n>>>>>>> main\n' > deploy/.gitopsc-files
gitopsc compile
