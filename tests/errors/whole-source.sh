git init -q .
cat > gitopsc.yaml <<END
{project: demo, registry: registry.example.com, stores: {default: "s3://data"}}
END
mkdir src
cat > src/main.py <<END
import importlib


def run(name): return importlib.import_module(f"plugins.{name}").run()
END
cat > all.yaml <<END
{kind: python, name: etl, spec: {python_version: PYTHON3_11, source: {source: src, handler: run}}}
---
{kind: python+job:run, name: nightly, spec: {function: etl, parameters: {name: x}}}
END
gitopsc validate
