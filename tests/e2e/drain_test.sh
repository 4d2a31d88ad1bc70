#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Long-lived TCP connections echo every 100 ms while the split changes to random values again and again: in
# the XDP program through ipip, and in the data plane through l2 while it is killed, hung and restarted. None
# is lost, and none moves. Then all drains, and the tables are settled.
# timeout: 280
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lab.sh
. "$(dirname "$0")/lab.sh"

HERE=$(dirname "$0")
CONNECTIONS=$([ "${BELKA_SOAK:-}" = 1 ] && echo 1000 || echo 100)
CHANGES=$([ "${BELKA_SOAK:-}" = 1 ] && echo 1000 || echo 100)
EVENTS=$([ "${BELKA_SOAK:-}" = 1 ] && echo 10 || echo 1)
RANDOM=4711 # the same values each time

start_dp() { start_dataplane splitter --interface=eth0 --cores="$LAB_CORE"; }

# begin_connections VIP
begin_connections() {
  rm -f "$WORK/ready"
  background client "$HERE/echo_many.py" hold "$1" 7 "$CONNECTIONS" "$WORK/ready" >"$WORK/held.json"
  HOLDER=$LAST_PID
  wait_for 30 "all connections" test -s "$WORK/ready"
}

# end_connections WHAT
end_connections() {
  local status=0
  kill "$HOLDER"
  wait "$HOLDER" || status=$?
  [ "$status" = 0 ] || fail "$1: $(cat "$WORK/held.json")"
  echo "figure: $1: $(cat "$WORK/held.json")"
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

kill_and_start() { stop_dataplane KILL && start_dp; }
stop_and_start() { stop_dataplane TERM && start_dp; }
hang_and_go_on() {
  kill -STOP "$DATAPLANE_PID"
  sleep 0.5
  kill -CONT "$DATAPLANE_PID"
}

nothing_drains() { belkactl get drains | grep -q '^nothing drains'; }

lab prod-1 prod-2 canary-1
for name in prod-1 prod-2 canary-1; do
  background "$name" "$HERE/echo_many.py" serve "$name" 7
  wait_for 10 "the server $name" eval "in_ns $name ss -Hltn | grep -q ':7 '"
done
cat >"$WORK/belka.yaml" <<YAML
seed_file: $WORK/seed
tick: 2s
services:
  - name: near
    vip: 192.0.2.10
    port: 7
    protocol: tcp
    idle: {tcp: 16s}
    slots: 4096
    forward: l2
    pools:
      prod: {backends: [$(lab_address_v4 1), $(lab_address_v4 2)]}
      canary: {backends: [$(lab_address_v4 3)]}
    split: {canary: 10%}
  - name: far
    vip: 192.0.2.20
    port: 7
    protocol: tcp
    idle: {tcp: 16s}
    slots: 4096
    forward: ipip
    pools:
      prod: {backends: [$(lab_address_v4 1), $(lab_address_v4 2)]}
      canary: {backends: [$(lab_address_v4 3)]}
    split: {canary: 10%}
YAML
start_belkad splitter --interface=eth0 --config="$WORK/belka.yaml"
wait_for 10 "the backends' MACs" eval "! belkactl get backends -o json | grep -q unresolved"

begin_connections 192.0.2.20
changes far "$CHANGES"
end_connections "xdp, ipip: $CHANGES changes"

start_dp
begin_connections 192.0.2.10
for ((event = 0; event < EVENTS; event++)); do
  changes near $((CHANGES / 3 / EVENTS)) kill_and_start
  changes near $((CHANGES / 3 / EVENTS)) hang_and_go_on
  changes near $((CHANGES / 3 / EVENTS)) stop_and_start
done
belkactl get drains >"$WORK/drains.log"
grep -qE '^near ' "$WORK/drains.log" || fail "no drain is shown while slots move: $(cat "$WORK/drains.log")"
end_connections "data plane, l2: $CHANGES changes, killed, hung and restarted $EVENTS times each"

# An idle time of eight ticks, and what the rules add; then a sweep that finds nothing.
wait_for 60 "everything to settle" nothing_drains
pass_on "$(belkactl get drains | head -n 1) any more"
check_balance 2000
