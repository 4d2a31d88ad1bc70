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

expect_answers() {
  local got
  got=$(ask "$1" "$2")
  [ "$(tr -s " " <<<"$got")" = " $REQUESTS $3" ] || fail "$1 got from $2: $got; expected $REQUESTS times $3"
}

# packets_of ADDRESS PLANE: that a plane sent to the backend
packets_of() {
  belkactl get backends -o json | /usr/bin/python3 -c 'import json, sys
for backend in json.load(sys.stdin)["backends"]:
    if backend["address"] == sys.argv[1]:
        print(backend["total"][sys.argv[2] + "_packets"])' "$@"
}

# Both clients ask; both backends' packets must have gone through PLANE, four a request at least.
check_plane() {
  local plane=$1 backend before=() after=()
  for backend in 10.77.0.11 10.88.0.3; do before+=("$(packets_of "$backend" "$plane")"); done
  expect_answers client "$VIP" first
  expect_answers client2 192.0.2.30 backend2
  check_balance 0
  for backend in 10.77.0.11 10.88.0.3; do after+=("$(packets_of "$backend" "$plane")"); done
  for i in 0 1; do
    [ $((after[i] - before[i])) -ge $((REQUESTS * 4 * 8 / 10)) ] ||
      fail "the $plane plane sent only $((after[i] - before[i])) packets to backend $i"
  done
  pass_on "$plane: $((after[0] - before[0])) packets by eth0, $((after[1] - before[1])) by eth1"
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
wait_for 10 "the backends' MACs" eval "! belkactl get backends -o json | grep -q unresolved"
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
