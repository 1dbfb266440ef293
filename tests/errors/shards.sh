git init -q .
cat > gitopsc.yaml <<END
project: demo
registry: registry.example.com
stores: {default: s3://demo/data}
queue: Batch
END
cat > all.yaml <<END
kind: python
name: etl
spec: {python_version: PYTHON3_11, source: {code: "def etl(context): ...", handler: etl}}
---
kind: python+serve:run
name: api
spec: {function: etl, gitops: {completions: 3, queue: gpu}}
---
kind: python+job:run
name: alone
spec: {function: etl, gitops: {parallelism: 2}}
---
kind: python+job:run
name: crowded
spec: {function: etl, gitops: {completions: 2, parallelism: 3}}
---
kind: python+job:run
name: single
spec: {function: etl, gitops: {completions: 1}}
---
kind: python+job:run
name: nightly
spec: {function: etl, schedule: 0 3 * * *, outputs: {day: store://demo/artifact/artifact/day}, gitops: {completions: 2}}
---
kind: python
name: reads
spec: {python_version: PYTHON3_11, source: {code: "def reads(day): ...", handler: reads}}
---
kind: python+job:run
name: reader
spec: {function: reads, inputs: {day: store://demo/artifact/artifact/day}, gitops: {completions: 2}}
END
gitopsc validate
