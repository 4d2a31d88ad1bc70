#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A data plane whose interface is removed, or which belkad leaves, says so, must not look alive there to
# anybody (its sockets are dead), and goes on with its other interfaces; with none left it ends.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lab.sh
. "$(dirname "$0")/lab.sh"

# plane_of INTERFACE: of all its queues
plane_of() {
  belkactl status -o json | /usr/bin/python3 -c 'import json, sys
print(*{queue["plane"] for interface in json.load(sys.stdin)["interfaces"] if interface["name"] == sys.argv[1]
        for queue in interface["queues"]})' "$1"
}

is_of_plane() { [ "$(plane_of "$1")" = "$2" ]; }

# expect_planes ETH0 ETH1. A lcore that is off its core for a moment is not fresh, so that dpdk is waited for;
# what is dead must not look alive in any reading.
expect_planes() {
  local interface said
  for interface in eth0 eth1; do
    if [ "$1" = dpdk ]; then
      wait_for 10 "the status to say dpdk of $interface" is_of_plane "$interface" dpdk
    else
      said=$(plane_of "$interface")
      [ "$said" = "$1" ] || fail "status says $said of $interface, not $1"
    fi
    shift
  done
}

says_lost() { [ "$(grep -c "^belka-dataplane: the interface of $1:.* was removed, or belkad" "$WORK/dataplane.log")" -ge 1 ]; }

# expect_end WHAT INTERFACE...
expect_end() {
  local what=$1 interface
  shift
  wait_for 10 "the data plane to end" is_gone "$DATAPLANE_PID"
  for interface in "$@"; do
    says_lost ".*$interface" || fail "$what: it does not say that it lost $interface"
  done
  grep -q '^belka-dataplane: no interface is left to poll' "$WORK/dataplane.log" || fail "$what: it does not say why it ended"
  pass_on "$what: $(tail -n 1 "$WORK/dataplane.log")"
}

make_ns splitter peer
make_veth splitter eth0 peer eth0 2
make_veth splitter eth1 peer eth1 2
cat >"$WORK/belka.yaml" <<YAML
seed_file: $WORK/seed
services: []
YAML
start_belkad splitter --interface=eth0,eth1 --config="$WORK/belka.yaml"
start_dataplane splitter --interface=eth0,eth1
expect_planes dpdk dpdk
ip -n "$(ns splitter)" link del eth0
wait_for 10 "the data plane to say that eth0 is lost" says_lost eth0
! is_gone "$DATAPLANE_PID" || fail "it ended where one of two interfaces was removed"
expect_planes none dpdk
pass_on "one of two was removed: $(tail -n 1 "$WORK/dataplane.log")"

make_veth splitter eth0 peer eth0 2
wait_for 10 "belkad to attach again" has_xdp splitter eth0
sleep 0.3 # a data plane that took it up again would beat by now
expect_planes xdp dpdk
pass_on "the new eth0 is split by XDP while eth1 goes on"

ip -n "$(ns splitter)" link del eth0
ip -n "$(ns splitter)" link del eth1
expect_end "both were removed" eth0 eth1

make_veth splitter eth0 peer eth0 2
make_veth splitter eth1 peer eth1 2
wait_for 10 "belkad to attach again" eval "has_xdp splitter eth0 && has_xdp splitter eth1"
expect_planes xdp xdp
start_dataplane splitter --interface=eth0,eth1
expect_planes dpdk dpdk
pass_on "started again on the new interfaces"

stop_belkad
in_ns splitter "$BELKA_BUILD/belkad" --uninstall "--pins=$PINS" 2>"$WORK/uninstall.log"
expect_end "belkad was uninstalled" eth0 eth1
