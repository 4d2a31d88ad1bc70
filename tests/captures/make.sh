#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes the captures of this directory again, from real stacks in three network namespaces.
# Usage: tests/captures/make.sh [DIRECTORY]     (as root; default: this directory)
#
#   client 198.51.100.7        router          server 203.0.113.10, 203.0.113.11
#          2001:db8:c::7                              2001:db8::10
#      veth ------------- veth            veth ------------- veth
#                                                               ^ captured here
#
# For icmp.pcap the router's side towards the client has an MTU of 1300, so that the server's full
# segments come back as ICMP errors that quote them.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
OUT=${1:-$HERE}
NAME=belka-captures-$$
WORK=$(mktemp -d)
CLIENT=$NAME-client ROUTER=$NAME-router SERVER=$NAME-server

cleanup() {
  local pid
  for pid in $(jobs -p); do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  for space in "$CLIENT" "$ROUTER" "$SERVER"; do ip netns del "$space" 2>/dev/null || true; done
  rm -rf "$WORK"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

link() { # SPACE DEVICE PEER_SPACE PEER_DEVICE
  ip -n "$1" link add "$2" type veth peer name "$4" netns "$3"
  local side
  for side in "$1 $2" "$3 $4"; do
    read -r space device <<<"$side"
    ip netns exec "$space" ethtool -K "$device" tx off rx off gso off tso off gro off >/dev/null
    ip netns exec "$space" sysctl -qw "net.ipv6.conf.$device.accept_dad=0"
    ip -n "$space" link set "$device" up
  done
}

topology() {
  for space in "$CLIENT" "$ROUTER" "$SERVER"; do
    ip netns add "$space"
    ip -n "$space" link set lo up
  done
  link "$CLIENT" out "$ROUTER" in
  link "$ROUTER" out "$SERVER" in
  ip netns exec "$ROUTER" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
  ip -n "$ROUTER" addr add 198.51.100.1/24 dev in
  ip -n "$ROUTER" addr add 203.0.113.1/24 dev out
  ip -n "$ROUTER" addr add 2001:db8:c::1/64 dev in nodad
  ip -n "$ROUTER" addr add 2001:db8::1/64 dev out nodad
  ip -n "$CLIENT" addr add 198.51.100.7/24 dev out
  ip -n "$CLIENT" addr add 2001:db8:c::7/64 dev out nodad
  ip -n "$CLIENT" route add default via 198.51.100.1
  ip -n "$CLIENT" route add default via 2001:db8:c::1
  ip -n "$SERVER" addr add 203.0.113.10/24 dev in
  ip -n "$SERVER" addr add 203.0.113.11/24 dev in
  ip -n "$SERVER" addr add 2001:db8::10/64 dev in nodad
  ip -n "$SERVER" route add default via 203.0.113.1
  ip -n "$SERVER" route add default via 2001:db8::1
}

capture() { # NAME SCENARIO: what the server's side sees while the scenario runs
  ip netns exec "$SERVER" tcpdump -q -i in --immediate-mode -U -w "$WORK/$1.pcap" ip or ip6 2>"$WORK/log" &
  local tcpdump=$!
  until grep -q 'listening on' "$WORK/log"; do sleep 0.05; done
  python3 "$HERE/traffic.py" server "$2" "$WORK/ready" "/run/netns/$SERVER" &
  local server=$!
  until [ -e "$WORK/ready" ]; do sleep 0.05; done
  python3 "$HERE/traffic.py" client "$2" "$WORK/ready" "/run/netns/$CLIENT"
  wait "$server"
  sleep 0.3
  kill "$tcpdump"
  wait "$tcpdump" || true
  rm -f "$WORK/ready"
  install -m 644 "$WORK/$1.pcap" "$OUT/$1.pcap"
}

[ "$(id -u)" = 0 ] || { echo "make.sh: run as root, it makes network namespaces" >&2; exit 1; }
topology
capture http http
capture http6 http6
capture udp udp
ip -n "$ROUTER" link set in mtu 1300
capture icmp icmp
ls -l "$OUT"/*.pcap
