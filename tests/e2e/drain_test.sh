#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Long-lived TCP connections echo every 100 ms, through l2 and through ipip, while the split changes to random
# values again and again: in the XDP program, in the data plane, and while that is killed, hung and restarted.
# Then a backend is taken out of the configuration. The same connections live through all of it; none is lost,
# and none moves. Then all drains, and the tables are settled.
# timeout: 1800
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lab.sh
. "$(dirname "$0")/lab.sh"
# shellcheck source=tests/e2e/held.sh
. "$(dirname "$0")/held.sh"

CONNECTIONS=$(sized 20 100 1000)
CHANGES=$(sized 10 100 1000)
! is_brief || CHANGES=5
EVENTS=$(sized 1 2 10)
EVENT_CHANGES=$(sized 3 10 10) # around each event
RANDOM=4711                    # the same values each time
LOOK_EVERY=$(sized 2 10 10)    # changes
IDLE=16s
! is_brief || IDLE=8s
declare -A VIP=([near]=192.0.2.10 [far]=192.0.2.20) MODE=([near]=l2 [far]=ipip)
declare -A PROD=([near]="$(lab_address_v4 1), $(lab_address_v4 2)" [far]="$(lab_address_v4 1), $(lab_address_v4 2)")
OPENING=0 # slots, added up over all looks
LOOKING=0

start_dp() { start_dataplane splitter --interface=eth0 --cores="$LAB_CORE"; }

# show_connections WHAT
show_connections() {
  ask_holder
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

look_at_drains() {
  local opening looking
  read -r opening looking < <(belkactl get drains -o json | /usr/bin/python3 -c 'import json, sys
services = json.load(sys.stdin)["services"]
print(*(sum(service[state] for service in services) for state in ("opening", "looking")))')
  OPENING=$((OPENING + opening)) LOOKING=$((LOOKING + looking))
}

# changes SERVICE COUNT
changes() {
  local i
  for ((i = 1; i <= $2; i++)); do
    change_split "$1"
    if [ $((i % LOOK_EVERY)) = 0 ]; then look_at_drains; fi
  done
}

more_echoes() { [ "$(echoes)" -ge "$1" ]; }

# counted_changes SERVICE COUNT, for carried_by: a number goes to the VIP in a packet, and most answers are acknowledged in
# one of their own; so the packets of the echoes are more than half of all.
counted_changes() {
  local before
  before=$(echoes)
  changes "$@"
  wait_for 30 "an echo of each connection" more_echoes $((before + CONNECTIONS))
  LEAST=$(($(echoes) - before))
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
  carried_by dpdk counted_changes "$service" "$EVENT_CHANGES"
  CARRIED_ON=$((CARRIED_ON + CARRIED)) ECHOES_ON=$((ECHOES_ON + LEAST))
}

kill_and_start() { stop_dataplane KILL && start_dp; }
stop_and_start() { stop_dataplane TERM && start_dp; }
hang_and_go_on() {
  kill -STOP "$DATAPLANE_PID"
  sleep 0.5
  kill -CONT "$DATAPLANE_PID"
}

write_service() {
  cat <<YAML
  - name: $1
    vip: ${VIP[$1]}
    port: 7
    protocol: tcp
    idle: {tcp: $IDLE}
    slots: 4096
    forward: ${MODE[$1]}
    pools:
      prod: {backends: [${PROD[$1]}]}
      canary: {backends: [$(lab_address_v4 3)]}
    split: {canary: 10%}
YAML
}

write_config() {
  printf 'seed_file: %s\ntick: 2s\nservices:\n' "$WORK/seed"
  write_service far
  is_brief || write_service near
}

# Who leaves keeps the connections that it has, and gets no new ones.
remove_prod_2() {
  local service=$1 mode=${MODE[$1]} newcomers
  PROD[$service]=$(lab_address_v4 1)
  write_config >"$WORK/belka.yaml"
  belkactl apply -f "$WORK/belka.yaml" >"$WORK/apply.log" 2>&1 || fail "prod-2 could not leave: $(cat "$WORK/apply.log")"
  belkactl get drains -o json | grep -q "\"$(lab_address_v4 2)\"" || fail "get drains does not say that prod-2 leaves"
  background client "$BELKA_BUILD/tests/e2e/echo_held" hold "${VIP[$service]}" 7 "$CONNECTIONS" "$WORK/new" >"$WORK/new.json"
  newcomers=$LAST_PID
  wait_for 60 "all new connections" test -s "$WORK/new"
  rm "$WORK/new"
  changes "$service" "$EVENT_CHANGES"
  kill "$newcomers"
  wait "$newcomers" || fail "$mode, prod-2 has left: $(cat "$WORK/new.json")"
  ! grep -q '"prod-2"' "$WORK/new.json" || fail "$mode, prod-2 has left: it got new connections: $(cat "$WORK/new.json")"
  carried_by dpdk counted_changes "$service" "$EVENT_CHANGES"
  echo "figure: data plane, $mode: begun since prod-2 left: $(cat "$WORK/new.json")"
}

expect_prod_2_gone() {
  local backends
  backends=$(belkactl get backends)
  [[ $backends != *" $(lab_address_v4 2) "* ]] || fail "prod-2 has drained, and is still there: $backends"
}

# Each plane, then the events, with the connections of one service.
test_service() {
  local service=$1 mode=${MODE[$1]} event
  CARRIED_ON=0 ECHOES_ON=0 OPENING=0 LOOKING=0
  begin_held "${VIP[$service]}" "$CONNECTIONS"
  changes "$service" "$CHANGES"
  show_connections "xdp, $mode: $CHANGES changes"
  start_dp
  carried_by dpdk counted_changes "$service" "$CHANGES"
  show_connections "data plane, $mode: $CHANGES changes more, $CARRIED packets of $LEAST echoes"
  for ((event = 0; event < EVENTS; event++)); do
    during_changes "$service" kill_and_start
    is_brief && continue
    during_changes "$service" hang_and_go_on
    during_changes "$service" stop_and_start
  done
  # Random changes may have led back to where slots came from; this one takes slots that canary has not had for long.
  belkactl split "$service" canary=100% >"$WORK/split.log" || fail "the split could not be changed"
  belkactl get drains >"$WORK/drains.log"
  grep -qE "^$service " "$WORK/drains.log" || fail "no drain is shown while slots move: $(cat "$WORK/drains.log")"
  show_connections "data plane, $mode: $(is_brief && echo killed || echo killed, hung and restarted) $EVENTS times, changes going on"
  echo "figure: data plane, $mode: $CARRIED_ON packets of $ECHOES_ON echoes after these events"
  is_brief || {
    remove_prod_2 "$service"
    show_connections "data plane, $mode: prod-2 was taken out of the configuration"
  }
  end_connections "$mode"
  echo "figure: $mode: $OPENING slots were opening and $LOOKING looking, one look in $LOOK_EVERY changes"
  if [ "$OPENING" = 0 ] || [ "$LOOKING" = 0 ]; then fail "$mode: no slot was opening, or none looking, in changes"; fi
  stop_dataplane TERM
}

lab prod-1 prod-2 canary-1
serve_echo prod-1 prod-2 canary-1
write_config >"$WORK/belka.yaml"
start_belkad splitter --interface=eth0 --config="$WORK/belka.yaml"
wait_for 10 "the backends' MACs" all_resolved

test_service far
is_brief || test_service near

# An idle time of eight ticks, and what the rules add; then a sweep that finds nothing.
wait_for 60 "everything to settle" nothing_drains
pass_on "$(belkactl get drains | head -n 1) any more"
is_brief || expect_prod_2_gone
check_balance $((500 * EVENTS * 2)) # what was in a killed one's sockets
