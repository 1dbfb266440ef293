git init -q -b main "$HOME/team"
cd "$HOME/team"
printf 'def run(): ...\n' > etl.py
git add -A
git -c user.name=x -c user.email=x@example.com commit -qm "The source"
git config --global url."file://$HOME/team".insteadOf https://git.example.com/team/etl
cd ../project
git init -q .
printf 'project: project\nregistry: registry.example.com\n' > gitopsc.yaml
cat > etl.yaml <<'EOF'
kind: python
name: etl
spec:
  python_version: PYTHON3_11
  source: {source: "git+https://git.example.com/team/etl", handler: "etl:run"}
EOF
gitopsc lock
sed -i 's/commit: .*/commit: 149464b6c1b1f9a9ed0c7b0d8a5f5c9d3f6e2a10/' gitopsc.lock
gitopsc compile
