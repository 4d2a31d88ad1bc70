#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Numbered UDP at 10,000 packets a second while the data plane is started, killed, hung and stopped again and
# again, and the daemon is killed; then one of two lcores is stopped alone. Losses and outages are figures.
# timeout: 1800
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lab.sh
. "$(dirname "$0")/lab.sh"
# shellcheck source=tests/e2e/stream.sh
. "$(dirname "$0")/stream.sh"

HERE=$(dirname "$0")
TIMES=$(sized 1 3 30)
EACH=$(sized 3 3 1) # kills and hangs each time: a median of three alone says little

start_two_lcores() { start_dataplane splitter --interface=eth0 --cores="$LAB_CORE,$LAB_CORE"; }

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
  "$HERE/stop_thread.py" "$tid" 600 >"$WORK/stopped" &
  local stopper=$!
  PIDS+=("$stopper")
  wait_for 5 "the lcore to stop" grep -q stopped "$WORK/stopped"
  sleep 0.4
  for i in {1..100}; do
    read -r age0 age1 < <(ages_ms)
    [ "$age1" -ge 200 ] || fail "queue 1 beats on ($age1 ms ago) while its lcore is stopped"
    [ "$age0" -ge "$least0" ] || least0=$age0
    if [ "$i" -ge 5 ] && [ "$least0" -lt 50 ]; then break; fi
    sleep 0.03
  done
  [ "$least0" -lt 50 ] || fail "queue 0 stopped beating too: $least0 ms ago, in $i looks"
  pass_on "one lcore stopped: its queue's heartbeat is $age1 ms old, the other's $least0 ms"
  kill "$stopper" # the thread goes on where its tracer ends
  wait "$stopper" 2>/dev/null || true
}

lab backend
start_stream_service
begin_stream $((STREAM_RATE * (120 + 30 * TIMES)))
do_event "before any data plane" true
do_event "daemon killed" kill_belkad
do_event "daemon started" daemon
for ((time = 0; time < TIMES; time++)); do
  for ((kill = 0; kill < EACH; kill++)); do
    do_event "data plane started" start_one_lcore
    expect_dataplane_carries
    do_event "data plane killed" kill_dataplane
  done
  do_event "data plane started" start_one_lcore
  expect_dataplane_carries
  for ((hang = 0; hang < EACH; hang++)); do
    do_event "data plane hung" hang
    do_event "data plane goes on" go_on
    expect_dataplane_carries
  done
  do_event "data plane stopped cleanly" stop_dataplane TERM
done
do_event "data plane started" start_two_lcores
do_event "daemon killed" kill_belkad
do_event "daemon started" daemon
expect_dataplane_carries
do_event "one lcore stopped" stop_one_lcore
expect_dataplane_carries
do_event "data plane hung" hang
do_event "hung one killed" kill_dataplane
end_stream
judge_stream "$WORK/gaps"
