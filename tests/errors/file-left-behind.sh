git init -q .
printf 'project: demo\nregistry: registry.example.com\nstores: {default: s3://demo/data}\n' > gitopsc.yaml
mkdir -p data src
echo "a,b" > data/cities.csv
echo "a,b" > src/towns.csv
cat > src/etl.py <<END
def first():
    return open("data/cities.csv").read()


def second():
    return open("towns.csv").read() + open("data/nowhere.csv").read()
END
cat > all.yaml <<END
kind: python
name: first
spec: {python_version: PYTHON3_11, source: {source: src/etl.py, handler: first}}
---
kind: python
name: second
spec: {python_version: PYTHON3_11, source: {source: src/etl.py, handler: second}}
END
gitopsc validate
