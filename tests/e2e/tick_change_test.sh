#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The tick gets another length while slots move: belkad is started again with another file, longer and shorter. Connections
# that talk, and such as are silent for nearly the idle time, are kept: nobody takes ages in ticks of one length for those of
# the other.
# beside others: 58
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lab.sh
. "$(dirname "$0")/lab.sh"

HERE=$(dirname "$0")
COUNT=$([ "${BELKA_SOAK:-}" = 1 ] && echo 500 || echo 50) # of each kind
ROUNDS=$([ "${BELKA_SOAK:-}" = 1 ] && echo 5 || echo 1)
SILENCE_S=13 # of an idle time of 16
HOLDERS=()

# config TICK_S CANARY
config() {
  cat >"$WORK/belka.yaml" <<YAML
seed_file: $WORK/seed
tick: $1s
services:
  - name: web
    vip: 192.0.2.20
    port: 7
    protocol: tcp
    idle: {tcp: 16s}
    slots: 4096
    forward: ipip
    pools:
      prod: {backends: [$(lab_address_v4 1), $(lab_address_v4 2)]}
      canary: {backends: [$(lab_address_v4 3)]}
    split: {canary: $2%}
YAML
}

daemon() { start_belkad splitter --interface=eth0 --config="$WORK/belka.yaml"; }

# hold KIND EVERY_S
hold() {
  background client "$HERE/echo_many.py" hold 192.0.2.20 7 "$COUNT" "$WORK/ready-$1" "$2" >"$WORK/held-$1.json"
  HOLDERS+=("$LAST_PID")
  wait_for 60 "all connections" test -s "$WORK/ready-$1"
}

tick_ms() {
  belkactl get drains -o json | /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["tick_ms"])'
}

# restart TICK_S CANARY
restart() {
  stop_belkad
  config "$1" "$2"
  daemon
  [ "$(tick_ms)" = $(($1 * 1000)) ] || fail "the tick is $(tick_ms) ms, the file says $1 s"
}

lab prod-1 prod-2 canary-1
for name in prod-1 prod-2 canary-1; do
  background "$name" "$HERE/echo_many.py" serve "$name" 7
  wait_for 20 "the server $name" eval "in_ns $name ss -Hltn | grep -q ':7 '"
done
config 2 10
daemon
wait_for 10 "the backends' MACs" all_resolved
hold talking 0.1
hold silent "$SILENCE_S"
for ((round = 0; round < ROUNDS; round++)); do
  belkactl split web canary=70% >/dev/null
  sleep 8 # four ticks of two seconds
  restart 8 70
  belkactl split web canary=20% >/dev/null
  sleep 10
  restart 2 90
  sleep 28 # what began to open with the last change looks by now, and the silent have spoken twice
done
place=0
for kind in talking silent; do
  status=0
  kill "${HOLDERS[$place]}"
  wait "${HOLDERS[$place]}" || status=$?
  [ "$status" = 0 ] || fail "$kind: $(cat "$WORK/held-$kind.json")"
  echo "figure: $kind, through $((2 * ROUNDS)) changes of the tick: $(cat "$WORK/held-$kind.json")"
  place=$((place + 1))
done
pass_on "ticks of 2 and 8 seconds: none of $COUNT talking and $COUNT silent connections was lost or moved"
wait_for 90 "everything to settle" nothing_drains
check_balance 0
