#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Who cannot wait: a split with --hard cuts the connections in the slots that move, drain-limit --hard those that a change
# before keeps elsewhere, and a drain limit those that are elsewhere for so long. All others live on. In each plane.
# beside others: 60
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lab.sh
. "$(dirname "$0")/lab.sh"
# shellcheck source=tests/e2e/held.sh
. "$(dirname "$0")/held.sh"

CONNECTIONS=$([ "${BELKA_SOAK:-}" = 1 ] && echo 500 || echo 50)
TICK_S=2
LIMIT_S=6
declare -A VIP=([near]=192.0.2.10 [far]=192.0.2.20)

lost_are() { ask_holder && [ "$(held lost)" -ge "$1" ]; }
echoed() { [ "$(echoes)" -ge "$1" ]; }
ticks() { drains_say 'all["tick"]'; }
ticked() { [ "$(ticks)" -ge "$1" ]; }

# drains_say WHAT   of what there is in `all`
drains_say() {
  belkactl get drains -o json | /usr/bin/python3 -c "import json, sys
all = json.load(sys.stdin)
print($1)"
}

# A service with a limit is listed also while nothing of it moves.
nothing_moves() { [ "$(drains_say 'sum(each["held"] + each["opening"] + each["looking"] for each in all["services"])')" = 0 ]; }

# logged WHY: how many connections belkad has given up so far, as it says
logged() { awk -v why="$1" '$0 ~ "gave up [0-9]+ connection.*" why {for (i = 1; i < NF; i++) if ($i == "up") n += $(i + 1)}
  END {print n + 0}' "$WORK/belkad.log"; }

connections_elsewhere() { drains_say 'sum(service["connections"] for service in all["services"])'; }

change() { belkactl "$@" >"$WORK/change.log" 2>&1 || fail "refused: belkactl $*: $(cat "$WORK/change.log")"; }

# begin SERVICE: connections in both pools, and nothing drains
begin() {
  change split "$1" canary=50% --hard
  wait_for 10 "nothing to drain" nothing_moves
  begin_held "${VIP[$1]}" "$CONNECTIONS"
  ask_holder
  if [ "$(held servers canary-1)" = 0 ] || [ "$(held servers prod-1)" = 0 ]; then fail "a pool has no connections"; fi
}

# expect_lost COUNT WHAT: so many of the canary's, no others, and those that are left echo on
expect_lost() {
  wait_for 40 "$2: $1 connections to be cut" lost_are "$1"
  wait_for 20 "$2: the others to echo on" echoed $(($(held lines) + 5 * (CONNECTIONS - $1)))
  ask_holder
  echo "figure: $2: $(tail -n 1 "$WORK/held.json")"
  if [ "$(held lost)" != "$1" ] || [ "$(held lost_at canary-1)" != "$1" ] || [ "$(held moved)" != 0 ]; then
    fail "$2: $1 of the canary were to be cut, and no others"
  fi
  ECHOES=$((ECHOES + $(held lines)))
}

# end WHAT
end() {
  kill "$HOLDER"
  wait "$HOLDER" || true # some are lost
  pass_on "$1"
}

# cut_by_split SERVICE PLANE
cut_by_split() {
  begin "$1"
  change split "$1" canary=0% --hard
  expect_lost "$(held servers canary-1)" "$2, split canary=0% --hard"
  wait_for 10 "$2: nothing to drain" nothing_moves
  end "$2, split --hard: the canary's connections are cut, prod's are not"
}

# cut_those_elsewhere SERVICE PLANE: some of the canary's slots move, and those of its connections alone are cut
cut_those_elsewhere() {
  local elsewhere before
  begin "$1"
  change split "$1" canary=20%
  wait_for 20 "two sweeps" ticked $(($(ticks) + 2))
  ask_holder
  [ "$(held lost)" = 0 ] || fail "$2: lost without --hard: $(cat "$WORK/held.json")"
  elsewhere=$(connections_elsewhere)
  if [ "$elsewhere" = 0 ] || [ "$elsewhere" -ge "$(held servers canary-1)" ]; then
    fail "$2: $elsewhere connections are elsewhere: $(belkactl get drains)"
  fi
  before=$(logged "until now")
  change drain-limit "$1" --hard
  [ $(($(logged "until now") - before)) = "$elsewhere" ] || fail "$2: the log has not these $elsewhere: $(cat "$WORK/belkad.log")"
  [ "$(connections_elsewhere)" = 0 ] || fail "$2, drain-limit --hard: $(belkactl get drains)"
  expect_lost "$elsewhere" "$2, drain-limit --hard, $elsewhere connections elsewhere"
  wait_for 10 "$2: nothing to drain" nothing_moves
  end "$2, drain-limit --hard: those elsewhere are cut, others of the same pool are not"
}

# cut_at_limit SERVICE PLANE
cut_at_limit() {
  local from_ms to_ms late_ms first_ms last_ms before
  before=$(logged "drain limit")
  change drain-limit "$1" "${LIMIT_S}s"
  begin "$1"
  from_ms=$(held age_ms) late_ms=$(held late_ms)
  change split "$1" canary=0%
  ask_holder
  to_ms=$(held age_ms)
  [ "$(drains_say 'all["services"][0]["limit_ms"]')" = $((LIMIT_S * 1000)) ] || fail "$2: $(belkactl get drains -o json)"
  expect_lost "$(held servers canary-1)" "$2, drain-limit ${LIMIT_S}s"
  [ $(($(logged "drain limit") - before)) = "$(held lost)" ] || fail "$2: the log has not these losses: $(cat "$WORK/belkad.log")"
  first_ms=$(held first_loss_ms) last_ms=$(held last_loss_ms) late_ms=$(($(held late_ms) - late_ms))
  echo "figure: $2, a limit of $LIMIT_S s: cut between $((first_ms - from_ms)) and $((last_ms - from_ms)) ms after the" \
    "change; the machine was $late_ms ms late"
  [ $((first_ms - to_ms)) -ge $(((LIMIT_S - TICK_S) * 1000 - 500)) ] || fail "$2: cut too early"
  [ $((last_ms - to_ms)) -le $(((LIMIT_S + 5) * 1000 + late_ms)) ] || fail "$2: kept for too long"
  wait_for 10 "$2: nothing to drain" nothing_moves
  change drain-limit "$1" 0s
  end "$2, a limit: those elsewhere live until about then, others live on"
}

# test_service SERVICE PLANE, for carried_by: two planes on a core of the machine share it, when others run beside
test_service() {
  ECHOES=0
  cut_by_split "$1" "$2"
  cut_those_elsewhere "$1" "$2"
  cut_at_limit "$1" "$2"
  LEAST=$((ECHOES / 2))
}

service() {
  cat <<YAML
  - name: $1
    vip: ${VIP[$1]}
    port: $HELD_PORT
    protocol: tcp
    idle: {tcp: 16s}
    slots: 4096
    forward: $2
    pools:
      prod: {backends: [$(lab_address_v4 1)]}
      canary: {backends: [$(lab_address_v4 2)]}
    split: {canary: 50%}
YAML
}

lab prod-1 canary-1
serve_echo prod-1 canary-1
{
  printf 'seed_file: %s\ntick: %ss\nservices:\n' "$WORK/seed" "$TICK_S"
  service near l2
  service far ipip
} >"$WORK/belka.yaml"
start_belkad splitter --interface=eth0 --config="$WORK/belka.yaml"
wait_for 10 "the backends' MACs" all_resolved

test_service far xdp
start_dataplane splitter --interface=eth0 --cores="$LAB_CORE"
carried_by dpdk test_service near "data plane"
echo "figure: the data plane forwarded $CARRIED packets of $ECHOES echoes"
check_balance 0
