git init -q .
cat > gitopsc.yaml <<END
project: demo
registry: registry.example.com
time_zone: Europe/Rome
stores: {default: "s3://data/lineage"}
END
cat > all.yaml <<END
{kind: python, name: etl, spec: {python_version: PYTHON3_11, source: {code: "def run(): ...", handler: run}}}
---
{kind: scheduler, name: in-the-gap, spec: {function: etl, schedule: "0 30 2 * * ?"}}
---
{kind: scheduler, name: every-hour, spec: {function: etl, schedule: "0 0 * * * ?"}}
---
{kind: scheduler, name: before-and-after, spec: {function: etl, schedule: "0 0 1,3 * * ?"}}
---
{kind: scheduler, name: in-winter, spec: {function: etl, schedule: "0 30 2 ? 12 MON"}}
---
{kind: scheduler, name: at-noon, spec: {function: etl, schedule: "0 0 12 * * ?"}}
END
gitopsc compile --check
