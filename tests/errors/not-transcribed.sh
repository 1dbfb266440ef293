cat > pipeline.py <<EOF
import os
import digitalhub as dh

project = dh.get_or_create_project("demo")
f = project.new_function(name="hello", kind="python", python_version="PYTHON3_11",
                         code="def hello(name): ...", handler="hello")
f.run("job", parameters={"name": os.environ["NAME"]})
EOF
gitopsc import pipeline.py
