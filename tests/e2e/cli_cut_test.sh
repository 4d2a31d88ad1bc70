#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A daemon that cuts the connection just before belkactl sends more: belkactl says so in a sentence and exits with 1, and does
# not die of the signal. strace makes what the kernel does then, in a moment that is else too short to be hit.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

command -v strace >/dev/null || skip "needs strace to make faults"

# Listens as belkad does, and only reads.
cat >"$WORK/read.py" <<'PY'
import socket
import sys

with socket.socket(socket.AF_UNIX) as listener:
    listener.bind(sys.argv[1])
    listener.listen(100)
    print("listens", flush=True)
    while True:
        connection, _ = listener.accept()
        while connection.recv(100000):
            pass
        connection.close()
PY
/usr/bin/python3 "$WORK/read.py" "$SOCKET" >"$WORK/read.log" &
PIDS+=("$!")
wait_for 20 "the listener" grep -q listens "$WORK/read.log"
{
  echo "services: []"
  head -c 100000 /dev/zero | tr '\0' '#'
} >"$WORK/long.yaml"
for send in 1 2; do # the request's head, its body
  status=0
  # Whoever runs the tests may ignore the signal, and so would all that he starts.
  env --default-signal=PIPE strace -qq -o "$WORK/strace.log" -e trace=sendto \
    -e inject=sendto:error=EPIPE:signal=SIGPIPE:when="$send" \
    "$BELKA_BUILD/belkactl" "--socket=$SOCKET" apply -f "$WORK/long.yaml" >"$WORK/cut.out" 2>&1 || status=$?
  grep -q INJECTED "$WORK/strace.log" || fail "there is no send number $send"
  [ "$status" = 1 ] || fail "belkactl ends with $status instead of 1 where its connection is cut at send $send"
  grep -q "^belkactl: belkad on $SOCKET broke off" "$WORK/cut.out" || fail "belkactl says: $(cat "$WORK/cut.out")"
done
pass_on "cut while it sends: $(sed "s|$WORK|DIRECTORY|" "$WORK/cut.out")"
