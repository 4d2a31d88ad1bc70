#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The tables follow the kernel's routes and neighbours, and keep the neighbours alive.
#
#   backends eth0 ------- eth0 splitter
#   10.0.0.1 .3 fd00::1        10.0.0.2 fd00::2
#
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

make_ns backends splitter
make_veth backends eth0 splitter eth0
for each in 10.0.0.1/24 10.0.0.3/24 fd00::1/64; do address backends eth0 "$each"; done
for each in 10.0.0.2/24 fd00::2/64; do address splitter eth0 "$each"; done
# The kernel's own times are half a minute: here a neighbour is doubted after one second, and given up
# two seconds later.
for family in ipv4 ipv6; do
  in_ns splitter sysctl -qw "net.$family.neigh.eth0.base_reachable_time_ms=1000" \
    "net.$family.neigh.eth0.delay_first_probe_time=1" "net.$family.neigh.eth0.retrans_time_ms=200"
done

web_yaml() { # PROD-BACKENDS
  cat <<YAML
seed_file: $WORK/seed
services:
  - {name: web, vip: 203.0.113.10, port: 443, protocol: tcp, forward: ipip, pools: {prod: {backends: [$1]}}}
  - {name: web6, vip: "2001:db8::10", port: 443, protocol: tcp, forward: ipip, pools: {prod: {backends: ["fd00::1"]}}}
  - {name: direct, vip: 203.0.113.11, port: 53, protocol: udp, forward: l2, pools: {prod: {backends: [10.0.0.1]}}}
YAML
}
web_yaml 10.0.0.1 >"$WORK/web.yaml"
# As the planes see it: number of the service in the file's order, then the address. struct backend of
# bpf/split/tables.h is 64 bytes: MAC, state, mode, own MAC, MTU, address and so on.
backend() { # SERVICE ADDRESS: "state next-hop mtu"
  "$(dirname "$0")/table_digests.py" --hex "$PINS" backends | python3 -c "
import ipaddress, struct, sys
table = bytes.fromhex(sys.stdin.read().split()[1])
for at in range(0, 64 * 64, 64):
    mac, state, own, mtu, address, service, retired = struct.unpack('=6sBx6sH16s20xH6xI', table[at:at + 64])
    wanted = ipaddress.ip_address('$2').packed.ljust(16, b'\\0')
    if state and not retired and (service, address) == (['web', 'web6', 'direct'].index('$1'), wanted):
        print(('free', 'unresolved', 'ready')[state], mac.hex(':') if state == 2 else 'None', mtu)"
}
backend_is() { [ "$(backend "$1" "$2")" = "$3" ]; }
reason_of() { # ADDRESS
  curl -s --unix-socket "$SOCKET" http://belka/v1/status | python3 -c "
import json, sys
print(*{u['reason'] for u in json.load(sys.stdin)['unresolved'] if u['address'] == '$1'})"
}
reason_is() { [[ "$(reason_of "$1")" == "$2"* ]]; }
everywhere() { # STATE...: of 10.0.0.1 and fd00::1
  backend_is web 10.0.0.1 "$*" && backend_is direct 10.0.0.1 "$*" && backend_is web6 fd00::1 "$*"
}

# belkad asks again at once, so the kernel's table is never seen empty, which `ip` takes for a failure.
flush() { ip -n "$(ns splitter)" neighbour flush dev eth0 2>/dev/null || true; }

start_belkad splitter --interface=eth0 --config="$WORK/web.yaml"
mac=$(mac_of backends eth0)
everywhere ready "$mac" 1500 || fail "not resolved when belkad is ready: $(backend web 10.0.0.1)"
pass_on "IPv4 and IPv6 next hops are in the tables before belkad says that it is ready"

web_yaml "10.0.0.1, 10.0.0.3, 10.0.0.99, 10.0.0.2, 10.9.9.9" >"$WORK/more.yaml"
began=$(date +%s%N)
belkactl apply -f "$WORK/more.yaml" >/dev/null
took=$((($(date +%s%N) - began) / 1000000))
backend_is web 10.0.0.3 "ready $mac 1500" || fail "a new backend is not resolved when its apply returns"
echo "figure: belkactl apply with a new backend, and one that does not answer: $took ms"
wait_for 10 "the reason" reason_is 10.0.0.2 "10.0.0.2 is an address of this machine"
wait_for 10 "the reason" reason_is 10.9.9.9 "there is no route to 10.9.9.9"
wait_for 10 "the reason" reason_is 10.0.0.99 "10.0.0.99 does not answer on eth0"
pass_on "a new backend is resolved at once; each that is not has its reason"

ip -n "$(ns splitter)" route add 10.9.9.0/24 via 10.0.0.3 mtu 1400
wait_for 10 "the way through the gateway" backend_is web 10.9.9.9 "ready $mac 1400"
ip -n "$(ns splitter)" route del 10.9.9.0/24
wait_for 10 "the way to go" reason_is 10.9.9.9 "there is no route to 10.9.9.9"
ip -n "$(ns splitter)" route add 10.0.0.1/32 via 10.0.0.3
wait_for 10 "l2 to refuse a gateway" reason_is 10.0.0.1 "10.0.0.1 is behind the gateway 10.0.0.3"
ip -n "$(ns splitter)" route del 10.0.0.1/32
wait_for 10 "the way back" everywhere ready "$mac" 1500
pass_on "routes, gateways and their MTU are followed"

sleep 6
everywhere ready "$mac" 1500 || fail "forgotten without traffic"
for each in 10.0.0.1 fd00::1; do
  ip -n "$(ns splitter)" neighbour show "$each" dev eth0 | grep -qE "REACHABLE|STALE|DELAY|PROBE" ||
    fail "the kernel forgot $each: $(ip -n "$(ns splitter)" neighbour)"
done
updated=$(ip -n "$(ns splitter)" -s neighbour show 10.0.0.1 dev eth0 | sed -nE 's/.*used [0-9]+\/([0-9]+)\/.*/\1/p')
[ "${updated:-99}" -le 10 ] || fail "10.0.0.1 was confirmed $updated s ago"
pass_on "neighbours without traffic are kept alive: 10.0.0.1 was confirmed $updated s ago"

flush
everywhere ready "$mac" 1500 || fail "a flush of the kernel's table loses the next hops"
new_mac=02:00:00:00:00:77
ip -n "$(ns backends)" link set eth0 address "$new_mac"
began=$(date +%s%N)
wait_for 15 "the new MAC" everywhere ready "$new_mac" 1500
echo "figure: a next hop's silent change of MAC is followed in $((($(date +%s%N) - began) / 1000000)) ms (short kernel times)"
pass_on "a new MAC of the next hop is followed"

ip -n "$(ns splitter)" link set eth0 mtu 1450
wait_for 10 "the MTU" everywhere ready "$new_mac" 1450
own_mac=02:00:00:00:00:88
ip -n "$(ns splitter)" link set eth0 address "$own_mac"
own_mac_is() {
  "$(dirname "$0")/table_digests.py" --hex "$PINS" interfaces | grep -q "^interfaces .*${own_mac//:/}"
}
wait_for 10 "the own MAC in the tables" own_mac_is
wait_for 10 "the next hops" everywhere ready "$new_mac" 1450
pass_on "MTU and MAC of the own interface are followed"

kill_belkad
before=$("$(dirname "$0")/table_digests.py" "$PINS" backends)
flush
start_belkad splitter --interface=eth0 --config="$WORK/web.yaml"
[ "$("$(dirname "$0")/table_digests.py" "$PINS" backends)" = "$before" ] || fail "a restart without neighbours loses the MACs"
pass_on "next hops survive a restart, also where the kernel forgot them"

ip -n "$(ns backends)" link set eth0 down
wait_for 10 "the loss" backend_is web 10.0.0.1 "unresolved None 1450"
ip -n "$(ns backends)" link set eth0 up
wait_for 10 "the return" backend_is web 10.0.0.1 "ready $new_mac 1450"
pass_on "an interface that goes down and up is followed"
