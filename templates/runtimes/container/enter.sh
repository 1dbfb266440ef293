silent=
is_alone() {
  if rm /gitopsc/alive 2> /dev/null; then silent=.; elif [ -n "$silent" ]; then silent=.$silent; fi
  if [ ${#silent} -gt 60 ]; then echo 'the container that brings and stores the data was killed' >&2; else return 1; fi
}
until [ -e /gitopsc/go ]; do
  if [ -e /gitopsc/end ]; then read -r code < /gitopsc/end; exit "$code"; fi
  if is_alone; then exit 1; fi
  sleep 1
done
"$@" &
child=$!
trap 'kill -TERM $child' TERM
while kill -0 $child 2> /dev/null; do
  : > /gitopsc/beat
  if [ -e /gitopsc/end ] || is_alone; then kill -TERM $child; sleep 30; kill -KILL $child 2> /dev/null; fi
  sleep 1
done &
wait $child; code=$?
while kill -0 $child 2> /dev/null; do wait $child; code=$?; done
echo $code > /gitopsc/code.new
mv /gitopsc/code.new /gitopsc/code
exit $code
