#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One belkad and one data plane on two interfaces, each with its own xsks_map: the traffic of both goes
# through the data plane, and through XDP again when it ends.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lab.sh
. "$(dirname "$0")/lab.sh"

REQUESTS=100
VIP=192.0.2.10

# The lab is the first network. In the second, a client and a backend in one: it asks eth1 of the
# splitter for the VIP, and has it on lo of another namespace.
second_network() {
  make_ns switch2
  ip -n "$(ns switch2)" link add bridge type bridge forward_delay 0 mcast_snooping 0
  ip -n "$(ns switch2)" link set bridge up
  make_ns client2 backend2
  local name number=0 interface
  for name in splitter client2 backend2; do
    number=$((number + 1))
    interface=$([ "$name" = splitter ] && echo eth1 || echo eth0)
    make_veth "$name" "$interface" switch2 "$name" "$LAB_QUEUES"
    ip -n "$(ns switch2)" link set "$name" master bridge
    address "$name" "$interface" "10.88.0.$number/24"
  done
  receive_xdp switch2 splitter
  in_ns backend2 sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2
  address backend2 lo "$VIP/32"
  address backend2 lo 192.0.2.30/32
  ip -n "$(ns client2)" route add 192.0.2.0/24 via 10.88.0.1
}

write_service() {
  cat <<YAML
  - name: $1
    vip: $2
    port: 80
    protocol: tcp
    forward: l2
    pools: {prod: {backends: [$3]}}
YAML
}

ask() {
  local client=$1 vip=$2 i
  for ((i = 0; i < REQUESTS; i++)); do printf 'url = "http://%s/"\n' "$vip"; done |
    in_ns "$client" curl -sS --fail --max-time 10 -H 'Connection: close' --config - | sort | uniq -c
}

# A request is at least four packets.
expect_answers() {
  local got
  LEAST=$((REQUESTS * 4 * 8 / 10))
  got=$(ask "$1" "$2")
  [ "$(tr -s " " <<<"$got")" = " $REQUESTS $3" ] || fail "$1 got from $2: $got; expected $REQUESTS times $3"
}

# One client after the other asks; its packets must have gone through PLANE.
check_plane() {
  local plane=$1 by_eth0
  carried_by "$plane" expect_answers client "$VIP" first
  by_eth0=$CARRIED
  carried_by "$plane" expect_answers client2 192.0.2.30 backend2
  check_balance 0
  pass_on "$plane: $by_eth0 packets by eth0, $CARRIED by eth1"
}

lab first
second_network
start_nginx first
start_nginx backend2
{
  echo "seed_file: $WORK/seed"
  echo "services:"
  write_service one "$VIP" 10.77.0.11
  write_service two 192.0.2.30 10.88.0.3
} >"$WORK/belka.yaml"
start_belkad splitter --interface=eth0,eth1 --config="$WORK/belka.yaml"
wait_for 10 "the backends' MACs" all_resolved
check_plane xdp
start_dataplane splitter --interface=eth0,eth1 --cores="$LAB_CORE"
wait_for 5 "a heartbeat on each queue" eval "[ \$(belkactl status -o json | grep -c '\"fresh\"') = 4 ]"
check_plane dpdk
# What is not for a VIP stays with the kernel while the data plane runs.
in_ns client2 curl -s --max-time 2 http://10.88.0.1/ && fail "who answers there?"
[ "$(in_ns splitter cat /proc/net/snmp | awk '/^Tcp: [0-9]/ {print $15}')" -ge 1 ] || fail "the kernel reset nothing"
pass_on "a connection to the splitter itself reaches its kernel"
stop_dataplane TERM
check_plane xdp
