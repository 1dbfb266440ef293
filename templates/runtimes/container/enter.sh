gitopsc_silent=
gitopsc_is_alone() {
  if rm /gitopsc/alive 2> /dev/null; then gitopsc_silent=.; elif [ -n "$gitopsc_silent" ]; then gitopsc_silent=.$gitopsc_silent; fi
  if [ ${#gitopsc_silent} -gt 60 ]; then echo 'the container that brings and stores the data was killed' >&2; else return 1; fi
}
until [ -e /gitopsc/go ]; do
  if [ -e /gitopsc/end ]; then read -r gitopsc_code < /gitopsc/end; exit "$gitopsc_code"; fi
  if gitopsc_is_alone; then exit 1; fi
  sleep 1
done
"$@" &
gitopsc_child=$!
trap 'kill -TERM $gitopsc_child' TERM
while kill -0 $gitopsc_child 2> /dev/null; do
  : > /gitopsc/beat
  if [ -e /gitopsc/end ] || gitopsc_is_alone; then kill -TERM $gitopsc_child; sleep 30; kill -KILL $gitopsc_child 2> /dev/null; fi
  sleep 1
done &
wait $gitopsc_child; gitopsc_code=$?
while kill -0 $gitopsc_child 2> /dev/null; do wait $gitopsc_child; gitopsc_code=$?; done
echo $gitopsc_code > /gitopsc/code.new
mv /gitopsc/code.new /gitopsc/code
exit $gitopsc_code
