#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A data plane whose interface is removed, or which belkad leaves, ends and says so: its sockets are dead
# then, and it must not look alive to anybody.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lab.sh
. "$(dirname "$0")/lab.sh"

plane_of() {
  belkactl status -o json | /usr/bin/python3 -c 'import json, sys
print(*{queue["plane"] for interface in json.load(sys.stdin)["interfaces"] for queue in interface["queues"]})'
}

# expect_end WHAT
expect_end() {
  wait_for 10 "the data plane to end" is_gone "$DATAPLANE_PID"
  grep -q '^belka-dataplane: the interface of eth0:[01] was removed, or belkad' "$WORK/dataplane.log" ||
    fail "$1: it does not say why it ended"
  pass_on "$1: $(tail -n 1 "$WORK/dataplane.log")"
}

make_ns splitter peer
make_veth splitter eth0 peer eth0 2
cat >"$WORK/belka.yaml" <<YAML
seed_file: $WORK/seed
services: []
YAML
start_belkad splitter --interface=eth0 --config="$WORK/belka.yaml"
start_dataplane splitter --interface=eth0
ip -n "$(ns splitter)" link del eth0
expect_end "the interface was removed"

make_veth splitter eth0 peer eth0 2
wait_for 10 "belkad to attach again" has_xdp splitter eth0
[ "$(plane_of)" = xdp ] || fail "status says $(plane_of) where no data plane is"
start_dataplane splitter --interface=eth0
[ "$(plane_of)" = dpdk ] || fail "status says $(plane_of) beside a data plane"
pass_on "started again on the new interface"

stop_belkad
in_ns splitter "$BELKA_BUILD/belkad" --uninstall "--pins=$PINS" 2>"$WORK/uninstall.log"
expect_end "belkad was uninstalled"
