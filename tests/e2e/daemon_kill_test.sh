#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The daemon is killed again and again while it makes a change, some of them while it starts again, and connections
# echo every 100 ms: first through the XDP program, then through the data plane. None is lost or moved. After each restart
# the tables are those of one whole generation: the one that was acknowledged last, or the one under way.
# timeout: 1500
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lab.sh
. "$(dirname "$0")/lab.sh"

HERE=$(dirname "$0")
CONNECTIONS=$([ "${BELKA_SOAK:-}" = 1 ] && echo 1000 || echo 100)
KILLS=$([ "${BELKA_SOAK:-}" = 1 ] && echo 50 || echo 5) # in each plane
RANDOM=4711
START_KILLS=0

daemon() { start_belkad splitter --interface=eth0 --config="$WORK/belka.yaml"; }

# Begins to start, and is killed somewhere in it.
kill_a_start() {
  # shellcheck disable=SC2046  # flags without blanks
  background splitter "$BELKA_BUILD/belkad" $(belkad_flags) --interface=eth0 --config="$WORK/belka.yaml" 2>/dev/null
  sleep "0.$(printf '%03d' $((RANDOM % 400)))"
  disown "$LAST_PID"
  kill -KILL "$LAST_PID" 2>/dev/null || true
  wait_for 10 "belkad to end" is_gone "$LAST_PID"
  START_KILLS=$((START_KILLS + 1))
}

kill_and_restart() {
  disown "$BELKAD_PID" # bash is not to tell of its end
  "$HERE/kill_changes.py" change "$WORK" "$PINS" "$SOCKET" "$BELKAD_PID" || fail "kill $1 in $2"
  if [ $((RANDOM % 3)) = 0 ]; then kill_a_start; fi
  rm -f "$WORK"/belkad.*.log
  daemon
  "$HERE/kill_changes.py" check "$WORK" "$PINS" "$SOCKET" || fail "kill $1 in $2: not one whole generation"
}

# kills PLANE
kills() {
  local i
  for ((i = 1; i <= KILLS; i++)); do kill_and_restart "$i" "$1"; done
}

begin_connections() {
  rm -f "$WORK/ready"
  background client "$HERE/echo_many.py" hold 192.0.2.20 7 "$CONNECTIONS" "$WORK/ready" >"$WORK/held.json"
  HOLDER=$LAST_PID
  wait_for 60 "all connections" test -s "$WORK/ready"
}

end_connections() {
  local status=0
  kill "$HOLDER"
  wait "$HOLDER" || status=$?
  [ "$status" = 0 ] || fail "$1: $(cat "$WORK/held.json")"
  echo "figure: $1: $(cat "$WORK/held.json")"
  pass_on "$1: none of $CONNECTIONS connections was lost or moved"
}

# hold_through_kills PLANE WHAT, for carried_by: an echo is a packet to the VIP, and most answers are acknowledged in another.
hold_through_kills() {
  begin_connections
  kills "$1"
  end_connections "$2"
  LEAST=$(sed -n '$s/.*"lines": \([0-9]*\).*/\1/p' "$WORK/held.json")
}

lab prod-1 prod-2 prod-3 canary-1
for name in prod-1 prod-2 prod-3 canary-1; do
  background "$name" "$HERE/echo_many.py" serve "$name" 7
  wait_for 10 "the server $name" eval "in_ns $name ss -Hltn | grep -q ':7 '"
done
"$HERE/kill_changes.py" begin "$WORK"
daemon
wait_for 10 "the backends' MACs" all_resolved

hold_through_kills xdp "xdp: daemon killed in $KILLS changes"
start_dataplane splitter --interface=eth0 --cores="$LAB_CORE"
carried_by dpdk hold_through_kills dpdk "data plane: daemon killed in $KILLS changes"
echo "figure: the data plane forwarded $CARRIED packets of $LEAST echoes"
"$HERE/kill_changes.py" figures "$WORK"
echo "figure: and killed $START_KILLS times in a start"

wait_for 90 "everything to settle" nothing_drains
wait_for 10 "the bytes of a whole generation, and no pin" "$HERE/kill_changes.py" settled "$WORK" "$PINS"
pass_on "all is settled: each slot has the answer of the reference's ring, and no pin is left"
check_balance 0
