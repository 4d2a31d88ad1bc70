#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Numbered UDP flows while the split changes again and again, first in the XDP program, then in the data plane: each flow
# that is never idle for longer than the idle time stays on one backend, as the servers say who got what. They are the same
# flows all the time, so those that begin in one plane go on in the other.
# beside others: 45
# timeout: 1200
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lab.sh
. "$(dirname "$0")/lab.sh"

HERE=$(dirname "$0")
FLOWS=$([ "${BELKA_SOAK:-}" = 1 ] && echo 1000 || echo 100)
CHANGES=$([ "${BELKA_SOAK:-}" = 1 ] && echo 100 || echo 20) # in each plane
PAUSE_S=$([ "${BELKA_SOAK:-}" = 1 ] && echo 2 || echo 1)    # between changes: a drain of 20 s is in the middle of it
IDLE_S=16
BACKENDS="prod-1 prod-2 canary-1 baseline-1"
STEP=0

# The canary grows to 60 % and shrinks again, the baseline the other way round, so that slots open, and later look; every
# fifth change takes back the one before.
change_split() {
  local at=$((STEP % 80)) canary
  if [ $((STEP % 5)) = 4 ]; then at=$((at - 2)); fi
  [ "$at" -lt 40 ] || at=$((80 - at))
  canary=$((1 + at * 3 / 2))
  belkactl split flows "canary=$canary%" "baseline=$((39 - canary / 2))%" >"$WORK/split.log" 2>&1 ||
    fail "the split could not be changed: $(cat "$WORK/split.log")"
  STEP=$((STEP + 1))
}

changes() {
  local i
  for ((i = 0; i < CHANGES; i++)); do
    change_split
    sleep "$PAUSE_S"
  done
}

forwarded() { packets_of "$1" forwarded_ipip; }

# shellcheck disable=SC2086  # words
lab $BACKENDS
RECEIVERS=()
for name in $BACKENDS; do
  background "$name" "$HERE/udp_flows.py" receive 192.0.2.20 7000 "$WORK/received-$name.json"
  RECEIVERS+=("$LAST_PID")
  wait_for 20 "the server $name" eval "in_ns $name ss -Hlun | grep -q 7000"
done
cat >"$WORK/belka.yaml" <<YAML
seed_file: $WORK/seed
tick: 2s
services:
  - name: flows
    vip: 192.0.2.20
    port: 7000
    protocol: udp
    idle: {udp: ${IDLE_S}s}
    slots: 4096
    forward: ipip
    pools:
      prod: {backends: [$(lab_address_v4 1), $(lab_address_v4 2)]}
      canary: {backends: [$(lab_address_v4 3)]}
      baseline: {backends: [$(lab_address_v4 4)]}
    split: {canary: 1%, baseline: 39%}
YAML
start_belkad splitter --interface=eth0 --config="$WORK/belka.yaml"
wait_for 10 "the backends' MACs" all_resolved
background client "$HERE/udp_flows.py" send 192.0.2.20 7000 "$FLOWS" "$WORK/sent.json"
SENDER=$LAST_PID
wait_for 20 "the flows" eval "[ \$(forwarded xdp) -ge $FLOWS ]"
changes
IN_XDP=$(forwarded xdp)
start_dataplane splitter --interface=eth0 --cores="$LAB_CORE"
IN_DPDK=$(forwarded dpdk)
changes
IN_DPDK=$(($(forwarded dpdk) - IN_DPDK))
kill "$SENDER"
wait "$SENDER" || fail "the sender failed"
sleep 1 # what it sent arrives
for pid in "${RECEIVERS[@]}"; do
  kill "$pid"
  wait "$pid" || fail "a receiver failed"
done
# shellcheck disable=SC2046  # words
"$HERE/udp_flows.py" judge "$IDLE_S" "$WORK/sent.json" \
  $(for name in $BACKENDS; do echo "$name=$WORK/received-$name.json"; done) || fail "flows left their backend"
echo "figure: $CHANGES changes in each plane; forwarded in XDP $IN_XDP packets, in the data plane $IN_DPDK"
[ "$IN_DPDK" -ge "$FLOWS" ] || fail "the data plane forwarded only $IN_DPDK packets"
pass_on "UDP flows stay where they are, through $((2 * CHANGES)) changes of the split"
check_balance 0
