git init -q .
mkdir functions runs
echo 'project: demo' > gitopsc.yaml
cat > functions/hello.yaml <<EOF
kind: python
name: hello
spec:
  python_version: PYTHON3_11
  source: {code: 'def hello(): ...', handler: hello}
EOF
printf 'kind: python+job:run\nname: hello\nspec: {function: hello}\n' > runs/hello.yaml
git add --all
git -c user.name=me -c user.email=me@example.com commit -q -m hello
git sparse-checkout set functions
gitopsc compile
