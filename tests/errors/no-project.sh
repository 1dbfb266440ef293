git init -q .
gitopsc compile
