#!/bin/sh
# What gitopsc is for, in a minute of reading; `make demo` runs it on a copy of the sample.
set -eu
gitopsc=${1:-gitopsc}
sample=$(cd "$(dirname "$0")/../sample-project" && pwd)
folder=$(mktemp -d)
trap 'kill $serving 2> /dev/null || true; rm -rf "$folder"' EXIT
serving=
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
step() { printf '\n\033[1m$ gitopsc %s\033[0m\n' "$*"; "$gitopsc" "$@" 2> "$folder/said" | head -n 20; grep -v '^[a-z-]* *| ' "$folder/said" | tail -n 3; }
cp -r "$sample/." "$folder/cities"
cd "$folder/cities"
rm -rf deploy
git init --quiet --initial-branch main
say "A repository of functions and runs, compiled:"
step compile
git add . && git -c user.name=demo -c user.email=demo@example.com commit --quiet --message sample
say "Somebody changes one line: a newer pandas in functions/cities.yaml."
sed -i.bak '9s/pandas==2.2.3]/pandas==2.3.1]/' functions/cities.yaml && rm functions/cities.yaml.bak
git --no-pager diff --unified=0 | grep '^[+-] '
step diff
say "The same on this machine: the jobs, and then the service that reads what they made."
step run --select +summarise-countries
printf '\n\033[1m$ gitopsc run cities-api --port 8321 &\033[0m\n'
"$gitopsc" run cities-api --port 8321 > /dev/null 2>&1 &
serving=$!
for _ in $(seq 100); do answer=$(curl --silent 'localhost:8321/?country=IT') && break || sleep 0.2; done
printf '\033[1m$ curl "localhost:8321/?country=IT"\033[0m\n%s\n' "$answer"
