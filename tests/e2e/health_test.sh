#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One of four prod backends stops and comes back, in each plane: the connections of the other three are not lost, new
# ones avoid it in time and none of them enters the canary; when it is back each client has the server that it had
# before. A canary without backends falls back to prod, prod without backends refuses. An operator drains and disables.
# timeout: 480
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lab.sh
. "$(dirname "$0")/lab.sh"

HERE=$(dirname "$0")
CONNECTIONS=$([ "${BELKA_SOAK:-}" = 1 ] && echo 1000 || echo 100)
NEWCOMERS=$([ "${BELKA_SOAK:-}" = 1 ] && echo 2000 || echo 400)
FIRST_PORT=10000 # below those that the kernel gives to others
EVERY_MS=500
FALL=3
RISE=2
# Within fall x every, and a second.
IN_TIME_MS=$((FALL * EVERY_MS + 1000))
STALLED_MS=300 # a machine that stops for so long is late itself: then it falls once more
PACKETS=0 # to VIPs, at least
declare -A SERVER

serve() {
  background "$1" "$HERE/echo_many.py" serve "$1" 7
  SERVER[$1]=$LAST_PID
  wait_for 10 "the server $1" eval "in_ns $1 ss -Hltn | grep -q ':7 '"
}

# newcomers VIP FILE
newcomers() {
  PACKETS=$((PACKETS + 2 * NEWCOMERS)) # of each at least SYN and number
  in_ns client "$HERE/newcomers.py" "$1" 7 "$FIRST_PORT" "$NEWCOMERS" >"$WORK/$2.json" 2>"$WORK/newcomers.log"
}

# compare WHAT BEFORE AFTER WORD...
compare() {
  local what=$1 before=$2 after=$3
  shift 3
  "$HERE/health_compare.py" "$WORK/$before.json" "$WORK/$after.json" "$@" >"$WORK/compare.log" ||
    fail "$what: $(cat "$WORK/compare.log")"
  echo "figure: $what: $(cat "$WORK/compare.log")"
}

is_back() { newcomers "$1" "$2" && "$HERE/health_compare.py" "$WORK/before.json" "$WORK/$2.json" same; }

# returns VIP FILE WHAT SERVER...: they serve again, and each client has the server that it had before
returns() {
  local vip=$1 file=$2 what=$3 name begin=$EPOCHREALTIME
  shift 3
  for name in "$@"; do serve "$name"; done
  wait_for 40 "$what" is_back "$vip" "$file"
  compare "$what, after $(awk "BEGIN { printf \"%.1f\", $EPOCHREALTIME - $begin }") s" before "$file" same
}

# falls VIP TO WHAT SERVER...: they are stopped, and new connections avoid them in time, for the pool TO (none: unanswered)
falls() {
  local vip=$1 to=$2 what=$3 round name fall_ms late_ms
  shift 3
  for round in {1..5}; do
    # shellcheck disable=SC2046  # words
    BELKAD_PID=$BELKAD_PID in_ns client "$HERE/health_fall.py" "$vip" 7 "$WORK/before.json" "$to" \
      $(for name in "$@"; do echo "${SERVER[$name]}=$name"; done) >"$WORK/fall.json" || fail "$what: not avoided"
    for name in "$@"; do wait "${SERVER[$name]}" 2>/dev/null || true; done
    read -r fall_ms late_ms < <(/usr/bin/python3 -c 'import json, sys
fall = json.load(sys.stdin)
print(round(1000 * fall["seconds"]), round(1000 * fall["late_s"]))' <"$WORK/fall.json")
    echo "figure: $what: avoided after $fall_ms ms, at most $IN_TIME_MS are allowed; the machine was $late_ms ms late"
    [ "$fall_ms" -gt "$IN_TIME_MS" ] || return 0
    [ "$late_ms" -ge "$STALLED_MS" ] || fail "$what: avoided too late"
    returns "$vip" again "$what: once more" "$@"
  done
  fail "$what: in $round rounds never avoided in time"
}

# hold VIP FILE
hold() {
  rm -f "$WORK/ready"
  background client "$HERE/echo_many.py" hold "$1" 7 "$CONNECTIONS" "$WORK/ready" >"$WORK/$2.json"
  HOLDER=$LAST_PID
  wait_for 30 "all connections" test -s "$WORK/ready"
}

# end_hold HOLDER FILE WHAT SERVER...: all connections on these were lost, and no others
end_hold() {
  local pid=$1 file=$2 what=$3
  shift 3
  kill "$pid"
  wait "$pid" 2>/dev/null || true
  python3 - "$WORK/$file.json" "$@" <<'PY' >"$WORK/lost.log" 2>"$WORK/lines" || fail "$what: $(cat "$WORK/lost.log" "$WORK/$file.json")"
import json, sys
held = json.load(open(sys.argv[1]))
expected = {server: held["servers"][server] for server in sys.argv[2:] if server in held["servers"]}
print(f"{held['begun']} connections on {held['servers']}, lost {held['lost_at']}, moved {held['moved']}, {held['lines']} lines")
print(held["lines"], file=sys.stderr)
sys.exit(1 if held["lost_at"] != expected or held["moved"] or not held["begun"] else 0)
PY
  echo "figure: $what: $(cat "$WORK/lost.log")"
  PACKETS=$((PACKETS + $(cat "$WORK/lines")))
}

established() { in_ns "$1" ss -Htn state established "$2" | wc -l; }
# all_hold VIP: servers have the held connections, and no others
all_hold() {
  local name sum=0
  for name in prod-1 prod-2 prod-3 prod-4 canary-1; do sum=$((sum + $(established "$name" "src $1"))); done
  [ "$sum" = "$CONNECTIONS" ]
}
live_on() { [ "$(established client "dst $1")" = "$2" ]; }
standing_is() { belkactl get backends | grep -qE " $1 .* $2 "; }

# stop_and_return VIP PLANE
stop_and_return() {
  local vip=$1 plane=$2 before_holder during_holder
  newcomers "$vip" before
  hold "$vip" held-before
  before_holder=$HOLDER
  falls "$vip" prod "$plane, prod-2 is down" prod-2
  newcomers "$vip" down
  compare "$plane, prod-2 is down" before down without prod-2
  hold "$vip" held-during
  during_holder=$HOLDER
  belkactl status | grep -qE "^$(lab_address_v4 2) .* down .*refused" || fail "status does not say why prod-2 is down: $(belkactl status)"
  returns "$vip" back "$plane, prod-2 is back" prod-2
  end_hold "$before_holder" held-before "$plane, held from before prod-2 went down" prod-2
  end_hold "$during_holder" held-during "$plane, held since it was down"
}

fall_back_and_return() {
  local vip=$1 plane=$2
  newcomers "$vip" before
  falls "$vip" prod "$plane, the canary is down" canary-1
  newcomers "$vip" canary-down
  compare "$plane, the canary is down" before canary-down falls canary prod
  belkactl status | grep -qE '^canary .* prod$' || fail "status does not say that the canary falls back: $(belkactl status)"
  returns "$vip" canary-back "$plane, the canary is back" canary-1
  falls "$vip" none "$plane, all of prod is down" prod-1 prod-2 prod-3 prod-4
  newcomers "$vip" prod-down
  compare "$plane, all of prod is down" before prod-down falls prod none
  returns "$vip" prod-back "$plane, prod is back" prod-1 prod-2 prod-3 prod-4
}

drain_and_disable() {
  local vip=$1 holder on_prod_4
  newcomers "$vip" before
  hold "$vip" held-drained
  holder=$HOLDER
  belkactl backend drain "$(lab_address_v4 3)" | grep -q ' drained ' || fail "the backend is not shown as drained"
  newcomers "$vip" drained
  compare "prod-3 is drained" before drained without prod-3
  belkactl backend undrain "$(lab_address_v4 3)" >/dev/null
  wait_for 40 "prod-3 to be back" is_back "$vip" undrained
  compare "prod-3 is undrained" before undrained same
  wait_for 20 "newcomers to be gone" all_hold "$vip" # their resets may be on the way
  on_prod_4=$(established prod-4 "src $vip")
  belkactl backend disable "$(lab_address_v4 4)" >/dev/null
  newcomers "$vip" disabled
  compare "prod-4 is disabled" before disabled without prod-4
  [ "$on_prod_4" -gt 0 ] || fail "prod-4 has no connections"
  wait_for 30 "its connections to be reset by others" live_on "$vip" $((CONNECTIONS - on_prod_4))
  end_hold "$holder" held-drained "held while prod-3 was drained and prod-4 disabled" prod-4
  # What an operator said outlives the daemon.
  stop_belkad
  start_belkad splitter --interface=eth0 --config="$WORK/belka.yaml"
  standing_is "$(lab_address_v4 4)" disabled || fail "a new daemon forgot that prod-4 is disabled: $(belkactl get backends)"
  belkactl backend undrain "$(lab_address_v4 4)" >/dev/null
  wait_for 40 "prod-4 to be back" is_back "$vip" enabled
  compare "prod-4 is undrained" before enabled same
}

# counted COMMAND..., for carried_by: an echo is a packet to the VIP, and most answers are acknowledged in another.
counted() {
  PACKETS=0
  "$@"
  LEAST=$PACKETS
}

lab prod-1 prod-2 prod-3 prod-4 canary-1
for name in prod-1 prod-2 prod-3 prod-4 canary-1; do serve "$name"; done
service() {
  cat <<YAML
  - name: $1
    vip: $2
    port: 7
    protocol: tcp
    idle: {tcp: 16s}
    slots: 4096
    forward: $3
    pools:
      prod: {backends: [$(lab_address_v4 1), $(lab_address_v4 2), $(lab_address_v4 3), $(lab_address_v4 4)]}
      canary: {backends: [$(lab_address_v4 5)]}
    split: {canary: 10%}
    health: {tcp: true, every: ${EVERY_MS}ms, timeout: 400ms, fall: $FALL, rise: $RISE}
YAML
}
{
  printf 'seed_file: %s\ntick: 2s\nservices:\n' "$WORK/seed"
  service near 192.0.2.10 l2
  service far 192.0.2.20 ipip
} >"$WORK/belka.yaml"
start_belkad splitter --interface=eth0 --config="$WORK/belka.yaml"
wait_for 10 "the backends' MACs" all_resolved

stop_and_return 192.0.2.20 "xdp, ipip"
fall_back_and_return 192.0.2.20 "xdp, ipip"
start_dataplane splitter --interface=eth0 --cores="$LAB_CORE"
carried_by dpdk counted stop_and_return 192.0.2.10 "data plane, l2"
echo "figure: data plane, l2: forwarded $CARRIED packets, at least $LEAST are expected, prod-2 down and back"
carried_by dpdk counted drain_and_disable 192.0.2.10
echo "figure: data plane, l2: forwarded $CARRIED packets, at least $LEAST are expected, prod-3 drained and prod-4 disabled"
pass_on "who stops is replaced inside its pool, and has its clients back when it returns"
