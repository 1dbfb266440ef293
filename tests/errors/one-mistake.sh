git init -q .
printf 'project: shop\nregistry: registry.example.com\nstores: {default: s3://shop/data}\n' > gitopsc.yaml
cat > all.py <<END
def handler(outputs):
    return lambda function: function


@handler(outputs=["raw"])
def download(rows):
    return list(range(rows))


def train(project, raw):
    return {"mean": 3}


def init(context, model):
    context.model = model


def predict(context, event):
    return context.model
END
cat > all.yaml <<END
kind: python
name: download
spec: {python_version: PYTHON3_11, source: {source: all.py, handler: dowload}}
---
kind: python
name: train
spec: {python_version: PYTHON3_11, source: {source: all.py, handler: train}}
---
kind: python
name: predict
spec: {python_version: PYTHON3_11, source: {source: all.py, handler: predict, init_function: init}}
---
kind: python+job:run
name: download
spec: {function: download, parameters: {rows: 9}}
---
kind: python+job:run
name: train
spec: {function: train, inputs: {raw: raw}}
END
gitopsc validate
