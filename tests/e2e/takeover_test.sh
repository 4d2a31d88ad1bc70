#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Numbered UDP at 10,000 packets a second while the daemon is killed and restarted, and the data plane is
# killed ten times, hung, and stopped; then one of two lcores is stopped alone. Losses are figures.
# timeout: 240
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lab.sh
. "$(dirname "$0")/lab.sh"

HERE=$(dirname "$0")
RATE=10000
FLOWS=64
KILLS=$([ "${BELKA_SOAK:-}" = 1 ] && echo 200 || echo 10)
COUNT=$((RATE * (60 + 10 * KILLS))) # the numbers there are; the sender is told to end long before

event() { echo "$EPOCHREALTIME $*" >>"$WORK/events"; }

begin_stream() {
  background backend setsid nice -n -20 "$BELKA_BUILD/tests/e2e/udp_numbered" receive 192.0.2.10 7000 "$COUNT" >"$WORK/received.json"
  RECEIVER=$LAST_PID
  favour "$RECEIVER"
  wait_for 5 "the receiver" eval "in_ns backend ss -Hlun | grep -q 7000"
  background client setsid nice -n -20 "$BELKA_BUILD/tests/e2e/udp_numbered" send 192.0.2.10 7000 \
    "$RATE" "$COUNT" "$FLOWS" >"$WORK/sent.json"
  SENDER=$LAST_PID
  favour "$SENDER"
}

end_stream() {
  kill "$SENDER"
  wait "$SENDER"
  kill "$RECEIVER"
  wait "$RECEIVER"
}

steady() { sleep 0.5; }

# do_event NAME COMMAND...
do_event() {
  event "$1"
  shift
  breathe
  "$@"
  steady
}

# Starts no process, which would hold up the sender on this CPU, in the very moment that counts.
exec {NOTHING}<> <(:)
breathe() { read -rt 0.02 -u "$NOTHING" || true; }

kill_dataplane() {
  kill -KILL "$DATAPLANE_PID"
  breathe
  wait_for 10 "the data plane to end" is_gone "$DATAPLANE_PID"
}

hang() { kill -STOP "$DATAPLANE_PID" && breathe; }
go_on() { kill -CONT "$DATAPLANE_PID" && breathe; }
start_one_lcore() { start_dataplane splitter --interface=eth0 --cores="$LAB_CORE"; }
start_two_lcores() { start_dataplane splitter --interface=eth0 --cores="$LAB_CORE,$LAB_CORE"; }
daemon() { start_belkad splitter --interface=eth0 --config="$WORK/belka.yaml"; }

dataplane_received() {
  belkactl stats -o json | /usr/bin/python3 -c 'import json, sys
print(next(plane["received"]["packets"] for plane in json.load(sys.stdin)["planes"] if plane["name"] == "dpdk"))'
}

# A heartbeat alone carries nothing: of about 2,000 packets it must see some hundreds.
expect_dataplane_carries() {
  local before after
  before=$(dataplane_received)
  sleep 0.2
  after=$(dataplane_received)
  [ $((after - before)) -ge $((RATE / 50)) ] || fail "the data plane got $((after - before)) packets in 0.2 s"
}

# How long ago each queue's heartbeat was, in ms.
ages_ms() {
  belkactl status -o json | /usr/bin/python3 -c 'import json, sys
for interface in json.load(sys.stdin)["interfaces"]:
    print(*(queue["age_us"] // 1000 for queue in interface["queues"]))'
}

# Queue 1 is the second lcore's. The two lcores share a CPU, so a heartbeat may be some ms old.
stop_one_lcore() {
  local tid age0 age1 least0=1000000 i
  tid=$(basename "$(dirname "$(grep -l -- '-worker-1$' /proc/"$DATAPLANE_PID"/task/*/comm)")")
  "$HERE/stop_thread.py" "$tid" 1.5 >"$WORK/stopped" &
  PIDS+=($!)
  wait_for 5 "the lcore to stop" grep -q stopped "$WORK/stopped"
  sleep 0.4
  for i in 1 2 3 4 5; do
    read -r age0 age1 < <(ages_ms)
    [ "$age1" -ge 200 ] || fail "queue 1 beats on ($age1 ms ago) while its lcore is stopped"
    [ "$age0" -ge "$least0" ] || least0=$age0
    sleep 0.03
  done
  [ "$least0" -lt 50 ] || fail "queue 0 stopped beating too: $least0 ms ago, in $i looks"
  pass_on "one lcore stopped: its queue's heartbeat is $age1 ms old, the other's $least0 ms"
  wait "${PIDS[-1]}"
}

lab backend
cat >"$WORK/belka.yaml" <<YAML
seed_file: $WORK/seed
services:
  - name: numbered
    vip: 192.0.2.10
    port: 7000
    protocol: udp
    forward: l2
    pools: {prod: {backends: [$(lab_address_v4 1)]}}
YAML
daemon
wait_for 10 "the backend's MAC" eval "! belkactl get backends -o json | grep -q unresolved"
begin_stream
do_event "before any data plane" true
do_event "data plane started" start_one_lcore
do_event "daemon killed" stop_belkad KILL
do_event "daemon started" daemon
for ((kill = 0; kill < KILLS; kill++)); do
  expect_dataplane_carries
  do_event "data plane killed" kill_dataplane
  do_event "data plane started" start_one_lcore
done
do_event "data plane hung" hang
do_event "data plane goes on" go_on
do_event "data plane hung" hang
do_event "hung one killed" kill_dataplane
do_event "data plane started" start_two_lcores
expect_dataplane_carries
do_event "one lcore stopped" stop_one_lcore
expect_dataplane_carries
do_event "data plane stopped cleanly" stop_dataplane TERM
end_stream
"$HERE/losses.py" "$WORK/sent.json" "$WORK/received.json" "$WORK/events" || fail "too much was lost"
check_balance "$(/usr/bin/python3 -c 'import json, sys
sent, received = (json.load(open(path)) for path in sys.argv[1:])
print(sent["sent"] - received["received"])' "$WORK/sent.json" "$WORK/received.json")"
