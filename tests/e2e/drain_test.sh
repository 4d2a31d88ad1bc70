#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Long-lived TCP connections echo every 100 ms, through l2 and through ipip, while the split changes to random
# values again and again: in the XDP program, in the data plane, and while that is killed, hung and restarted.
# The same connections live through all of it; none is lost, and none moves. Then all drains, and the tables
# are settled.
# timeout: 1800
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lab.sh
. "$(dirname "$0")/lab.sh"

CONNECTIONS=$([ "${BELKA_SOAK:-}" = 1 ] && echo 1000 || echo 100)
CHANGES=$([ "${BELKA_SOAK:-}" = 1 ] && echo 1000 || echo 100)
EVENTS=$([ "${BELKA_SOAK:-}" = 1 ] && echo 10 || echo 2)
EVENT_CHANGES=10 # around each event
RANDOM=4711      # the same values each time
declare -A VIP=([near]=192.0.2.10 [far]=192.0.2.20) MODE=([near]=l2 [far]=ipip)

start_dp() { start_dataplane splitter --interface=eth0 --cores="$LAB_CORE"; }

# begin_connections SERVICE
begin_connections() {
  rm -f "$WORK/ready"
  background client "$BELKA_BUILD/tests/e2e/echo_held" hold "${VIP[$1]}" 7 "$CONNECTIONS" "$WORK/ready" >"$WORK/held.json"
  HOLDER=$LAST_PID
  wait_for 60 "all connections" test -s "$WORK/ready"
}

lines_held() { [ "$(wc -l <"$WORK/held.json")" -ge "$1" ]; }

# show_connections WHAT: what became of them so far
show_connections() {
  local lines
  lines=$(wc -l <"$WORK/held.json")
  kill -USR1 "$HOLDER"
  wait_for 10 "the count of connections" lines_held $((lines + 1))
  echo "figure: $1: $(tail -n 1 "$WORK/held.json")"
}

# end_connections WHAT
end_connections() {
  local status=0
  kill "$HOLDER"
  wait "$HOLDER" || status=$?
  [ "$status" = 0 ] || fail "$1: $(cat "$WORK/held.json")"
  pass_on "$1: none of $CONNECTIONS connections was lost or moved"
}

change_split() {
  belkactl split "$1" "canary=$((RANDOM % 100))%" "$([ $((RANDOM % 3)) = 0 ] && echo --gentle || echo --output=json)" \
    >"$WORK/split.log" 2>&1 || fail "the split could not be changed: $(cat "$WORK/split.log")"
}

# changes SERVICE COUNT [EVENT]: EVENT runs in the middle
changes() {
  local i
  for ((i = 0; i < $2; i++)); do
    change_split "$1"
    if [ $# = 3 ] && [ "$i" = $(($2 / 2)) ]; then "$3"; fi
  done
}

# With changes under way, not only before and after: the event runs beside them.
during_changes() {
  local service=$1 event=$2
  (
    trap - EXIT
    while [ ! -e "$WORK/event-done" ]; do change_split "$service"; done
  ) &
  local changer=$! status=0
  PIDS+=("$changer")
  "$event"
  touch "$WORK/event-done"
  wait "$changer" || status=$?
  rm "$WORK/event-done"
  [ "$status" = 0 ] || fail "the split could not be changed during $event"
  changes "$service" "$EVENT_CHANGES"
}

kill_and_start() { stop_dataplane KILL && start_dp; }
stop_and_start() { stop_dataplane TERM && start_dp; }
hang_and_go_on() {
  kill -STOP "$DATAPLANE_PID"
  sleep 0.5
  kill -CONT "$DATAPLANE_PID"
}

nothing_drains() { belkactl get drains | grep -q '^nothing drains'; }

write_service() {
  cat <<YAML
  - name: $1
    vip: ${VIP[$1]}
    port: 7
    protocol: tcp
    idle: {tcp: 16s}
    slots: 4096
    forward: ${MODE[$1]}
    pools:
      prod: {backends: [$(lab_address_v4 1), $(lab_address_v4 2)]}
      canary: {backends: [$(lab_address_v4 3)]}
    split: {canary: 10%}
YAML
}

# Each plane, then the events, with the connections of one service.
test_service() {
  local service=$1 mode=${MODE[$1]} event
  begin_connections "$service"
  changes "$service" "$CHANGES"
  show_connections "xdp, $mode: $CHANGES changes"
  start_dp
  changes "$service" "$CHANGES"
  show_connections "data plane, $mode: $CHANGES changes more"
  for ((event = 0; event < EVENTS; event++)); do
    during_changes "$service" kill_and_start
    during_changes "$service" hang_and_go_on
    during_changes "$service" stop_and_start
  done
  belkactl get drains >"$WORK/drains.log"
  grep -qE "^$service " "$WORK/drains.log" || fail "no drain is shown while slots move: $(cat "$WORK/drains.log")"
  show_connections "data plane, $mode: killed, hung and restarted $EVENTS times each, changes going on"
  end_connections "$mode"
  stop_dataplane TERM
}

lab prod-1 prod-2 canary-1
for name in prod-1 prod-2 canary-1; do
  background "$name" "$BELKA_BUILD/tests/e2e/echo_held" serve "$name" 7
  wait_for 10 "the server $name" eval "in_ns $name ss -Hltn | grep -q ':7 '"
done
{
  echo "seed_file: $WORK/seed"
  echo "tick: 2s"
  echo "services:"
  write_service near
  write_service far
} >"$WORK/belka.yaml"
start_belkad splitter --interface=eth0 --config="$WORK/belka.yaml"
wait_for 10 "the backends' MACs" eval "! belkactl get backends -o json | grep -q unresolved"

test_service far
test_service near

# An idle time of eight ticks, and what the rules add; then a sweep that finds nothing.
wait_for 60 "everything to settle" nothing_drains
pass_on "$(belkactl get drains | head -n 1) any more"
check_balance $((500 * EVENTS * 2)) # what was in a killed one's sockets
