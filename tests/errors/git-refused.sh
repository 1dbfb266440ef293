git init -q .
echo broken > .git/HEAD
gitopsc compile
