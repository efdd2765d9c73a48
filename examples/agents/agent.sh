#!/bin/sh
# An agent of `mfp` without anything but a shell: answers each message with its number.
count=0
while read -r line; do
  case $line in
  '{"type":"message",'*) ;;
  *) continue ;;
  esac
  # An id is hexadecimal, and `id` is the first field after `type`.
  id=${line#*'"id":"'}
  id=${id%%'"'*}
  case $line in
  *'"reply_to":"'*) echo '{"type":"done","id":"'"$id"'"}' ;;
  *)
    count=$((count + 1))
    echo '{"type":"reply","id":"'"$id"'","payload":"message '"$count"'"}'
    ;;
  esac
done
