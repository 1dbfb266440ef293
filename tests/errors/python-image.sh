git init -q .
cat > gitopsc.yaml <<END
project: demo
registry: registry.example.com
python_image: "https://registry.example.com/python:{version}"
END
gitopsc validate
