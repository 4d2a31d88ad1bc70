# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# TCP connections that echo_held holds through the splitter, and what becomes of them. Source it after lib.sh and lab.sh.
#
#   serve_echo BACKEND...
#   begin_held 192.0.2.10 100     # $HOLDER; what it says is in $WORK/held.json
#   ask_holder                    # its last line is of now
#   held lost_at canary-1         # a field of the last line, 0 where it is not there
HELD_PORT=7

serve_echo() {
  local name
  for name in "$@"; do
    background "$name" "$BELKA_BUILD/tests/e2e/echo_held" serve "$name" "$HELD_PORT"
    wait_for 20 "the server $name" eval "in_ns $name ss -Hltn | grep -q ':$HELD_PORT '"
  done
}

# begin_held ADDRESS COUNT
begin_held() {
  rm -f "$WORK/ready"
  background client "$BELKA_BUILD/tests/e2e/echo_held" hold "$1" "$HELD_PORT" "$2" "$WORK/ready" >"$WORK/held.json"
  HOLDER=$LAST_PID
  wait_for 60 "all connections" test -s "$WORK/ready"
}

lines_held() { [ "$(wc -l <"$WORK/held.json")" -ge "$1" ]; }

ask_holder() {
  local lines
  lines=$(wc -l <"$WORK/held.json")
  kill -USR1 "$HOLDER"
  wait_for 10 "the count of connections" lines_held $((lines + 1))
}

held() {
  tail -n 1 "$WORK/held.json" | /usr/bin/python3 -c 'import json, sys
value = json.load(sys.stdin)
for key in sys.argv[1:]:
    value = value.get(key, 0)
print(value)' "$@"
}

echoes() { ask_holder && held lines; }
