#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The kernel drops what it would tell while belkad cannot read. An interface that is removed and made again
# meanwhile is attached all the same.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

ROUTES=10000 # each is told twice, which is more than the socket's 4 MiB hold

make_ns splitter other
make_veth splitter eth0 other eth0
make_veth splitter eth1 other eth1
address splitter eth0 10.0.0.2/24
printf 'seed_file: %s/seed\nservices: []\n' "$WORK" >"$WORK/web.yaml"
start_belkad splitter --interface=eth0,eth1 --config="$WORK/web.yaml"

kill -STOP "$BELKAD_PID"
for ((i = 0; i < ROUTES; i++)); do
  route="198.18.$((i / 250 % 250)).$((i % 250))/32 dev eth0"
  printf 'route add %s\nroute del %s\n' "$route" "$route"
done | ip -n "$(ns splitter)" -batch -
old=$(ip -n "$(ns splitter)" -o link show eth1 | cut -d: -f1)
ip -n "$(ns splitter)" link del eth1
make_veth splitter eth1 other eth1
new=$(ip -n "$(ns splitter)" -o link show eth1 | cut -d: -f1)
kill -CONT "$BELKAD_PID"
wait_for 10 "belkad to see that it missed something" grep -q "more changes than could be read" "$WORK/belkad.log"
wait_for 10 "eth1 to be attached again" has_xdp splitter eth1
[ "$(belkactl status -o json | grep -c '"attached": true')" = 2 ] || fail "status does not say that both are attached"
pass_on "eth1 was removed and made again unheard ($old, then $new), and is attached"

ip -n "$(ns splitter)" link del eth1
make_veth splitter eth1 other eth1
wait_for 10 "eth1 to be attached again" has_xdp splitter eth1
pass_on "what happens then is heard"
