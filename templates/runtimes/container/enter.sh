silent=
until [ -e /gitopsc/go ]; do
  if [ -e /gitopsc/end ]; then read -r code < /gitopsc/end; exit "$code"; fi
  if rm /gitopsc/alive 2> /dev/null; then silent=.; elif [ -n "$silent" ]; then silent=.$silent; fi
  if [ ${#silent} -gt 60 ]; then echo 'the container that brings the data was killed' >&2; exit 1; fi
  sleep 1
done
"$@" &
child=$!
trap 'kill -TERM $child' TERM
while kill -0 $child 2> /dev/null; do : > /gitopsc/beat; sleep 2; done &
wait $child; code=$?
while kill -0 $child 2> /dev/null; do wait $child; code=$?; done
echo $code > /gitopsc/code.new
mv /gitopsc/code.new /gitopsc/code
exit $code
