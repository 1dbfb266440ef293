git init -q .
for name in orders invoices archive; do
mkdir $name
cat > $name/gitopsc.yaml <<END
project: $name
registry: registry.example.com
namespace: shop
END
cat > $name/api.yaml <<END
{kind: python, name: api, spec: {python_version: PYTHON3_11, source: {code: "def init(context): ...\ndef serve(context, event): ...", handler: serve, init_function: init}}}
---
{kind: python+serve:run, name: api, spec: {function: api}}
END
done
sed -i 's/shop/archive/' archive/gitopsc.yaml
gitopsc compile
