git init -q .
printf 'project: project\nregistry: registry.example.com\n' > gitopsc.yaml
cat > etl.yaml <<'EOF'
kind: python
name: etl
spec:
  python_version: PYTHON3_11
  source: {source: etl.zip, handler: "etl:run"}
EOF
python3 -c "
import zipfile
with zipfile.ZipFile('etl.zip', 'w') as archive:
    archive.writestr('../etl.py', 'def run(): ...')
"
gitopsc compile
