#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A router on the client's way has a narrow link, and tells the servers so: fragmentation-needed and packet-too-big reach the
# backend that owns the connection, and no other, in both planes, while its slot is settled, opening and looking.
# beside others: 31
#
#   remote ---- router ----+
#       1,300 bytes        +---- switch ---- splitter
#   backends --------------+
#
# The servers answer the remote client through the router; its errors go to the VIP, and so to the splitter.
# timeout: 300
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lab.sh
. "$(dirname "$0")/lab.sh"

HERE=$(dirname "$0")
CONNECTIONS=$([ "${BELKA_SOAK:-}" = 1 ] && echo 20 || echo 10) # to each of four services, and as many after the change
NARROW_MTU=1300
ROUTER_V4=10.77.0.3
ROUTER_V6=fd00:77::3
BACKENDS="prod-1 prod-2 canary-1"
export SOCKET

make_router() {
  plug router "$LAB_MTU_BYTES" "$ROUTER_V4" "$ROUTER_V6"
  make_ns remote
  make_veth remote eth0 router eth1
  # The remote end promises to take 1,500 bytes: so only the router knows better.
  ip -n "$(ns router)" link set eth1 mtu "$NARROW_MTU"
  address router eth1 198.51.100.1/24
  address router eth1 2001:db8:c::1/64
  address remote eth0 198.51.100.2/24
  address remote eth0 2001:db8:c::2/64
  in_ns router sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.icmp_ratelimit=0 \
    net.ipv6.icmp.ratelimit=0 net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0
  ip -n "$(ns router)" route add 192.0.2.0/24 via "$LAB_SPLITTER_V4"
  ip -n "$(ns router)" route add 2001:db8:77::/64 via "$LAB_SPLITTER_V6"
  ip -n "$(ns remote)" route add default via 198.51.100.1
  ip -n "$(ns remote)" route add default via 2001:db8:c::1
}

declare -A VIP=([four-near]=192.0.2.10 [four-far]=192.0.2.20 [six-near]=2001:db8:77::10 [six-far]=2001:db8:77::20)

# write_service NAME FORWARD LAB_ADDRESS
write_service() {
  cat <<YAML
  - name: $1
    vip: "${VIP[$1]}"
    port: 7
    protocol: tcp
    idle: {tcp: 16s}
    slots: 256
    forward: $2
    pools:
      prod: {backends: ["$($3 1)", "$($3 2)"]}
      canary: {backends: ["$($3 3)"]}
    split: {canary: 0%}
YAML
}

SERVICES="four-near four-far six-near six-far"

# ask WORD...   the driver's answer is $ANSWER
ask() {
  echo "$*" >&"${DRIVER[1]}"
  read -t 120 -r ANSWER <&"${DRIVER[0]}" || fail "no answer to: $*"
  [[ $ANSWER == done* || $ANSWER == late* ]] || fail "$*: $ANSWER"
}

# open_slots SERVICE: most of its slots move, and there are new connections
open_slots() {
  CANARY=$((100 - CANARY))
  belkactl split "$1" "canary=$CANARY%" >/dev/null
  ask connect "$CONNECTIONS" "${VIP[$1]}"
}

# check_plane PLANE STATE [SERVICE]: where the machine was too slow for it twice more, with slots that open anew
check_plane() {
  local plane=$1 state=$2 vip=${3:+${VIP[$3]}} what="$2${3:+, $3}, $1" round
  for round in {1..3}; do
    [ "$round" = 1 ] || [ "$state" != opening ] || open_slots "$3"
    ask check "$plane" "$state" ${vip:+"$vip"}
    [[ $ANSWER == late* ]] || break
    echo "round $round: $what: ${ANSWER#late }"
  done
  [[ $ANSWER == done* ]] || fail "$what: $ANSWER, in $round rounds"
  echo "figure: $what: ${ANSWER#done }"
}

# check_state STATE [SERVICE]
check_state() {
  check_plane xdp "$@"
  start_dataplane splitter --interface=eth0 --cores="$LAB_CORE"
  check_plane dpdk "$@"
  stop_dataplane TERM
  pass_on "$1${2:+, $2}: each error reached its connection's owner, in both planes"
}

slots_of() {
  belkactl get drains -o json | /usr/bin/python3 -c 'import json, sys
print(sum(service[sys.argv[1]] for service in json.load(sys.stdin)["services"]))' "$1"
}

only_looking() { [ "$(slots_of opening)" = 0 ] && [ "$(slots_of looking)" -gt 0 ]; }

icmp_forwarded() {
  belkactl stats -o json | /usr/bin/python3 -c 'import json, sys
print({p["name"]: {v["name"]: v["packets"] for v in p["verdicts"] if v["packets"]} for p in json.load(sys.stdin)["planes"]})'
}

# shellcheck disable=SC2086  # words
lab $BACKENDS
make_router
for name in $BACKENDS; do
  ip -n "$(ns "$name")" route add 198.51.100.0/24 via "$ROUTER_V4"
  ip -n "$(ns "$name")" route add 2001:db8:c::/64 via "$ROUTER_V6"
done
{
  echo "seed_file: $WORK/seed"
  echo "tick: 2s"
  echo "services:"
  write_service four-near l2 lab_address_v4
  write_service four-far ipip lab_address_v4
  write_service six-near l2 lab_address_v6
  write_service six-far ipip lab_address_v6
} >"$WORK/belka.yaml"
start_belkad splitter --interface=eth0 --config="$WORK/belka.yaml"
wait_for 10 "the backends' MACs" all_resolved

# shellcheck disable=SC2086  # words
coproc DRIVER { "$HERE/path_errors.py" "$(ns "")" remote router $BACKENDS 2>"$WORK/driver.log"; }
PIDS+=("$DRIVER_PID")
ask connect "$CONNECTIONS"
check_state settled
# One after the other: a slot opens for 16 s, and a slow machine is not to be too late for the last of them.
for service in $SERVICES; do
  CANARY=20
  open_slots "$service"
  check_state opening "$service"
done
wait_for 60 "the slots to be looking" only_looking
check_state looking
icmp_forwarded
check_balance 0
