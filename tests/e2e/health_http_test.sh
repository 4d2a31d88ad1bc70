#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Health by HTTP, of real nginx: a backend whose page is missing, is another or never comes is down, with the reason, and gets
# no new connections, also while the daemon is dead and from the next one; a pool with too few of them serves with all.
# beside others: 30
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lab.sh
. "$(dirname "$0")/lab.sh"

VIP=192.0.2.20
REQUESTS=60 # so many miss a backend that has a third of the new connections once in 10^10 runs

command -v nginx >/dev/null || skip "no nginx"

# page NAME TEXT
page() { echo "$2" >"$WORK/$1/files/health"; }

# Who answers new connections: the names, sorted, in one line.
servers() {
  local i
  for ((i = 0; i < REQUESTS; i++)); do printf 'url = "http://%s/"\n' "$VIP"; done |
    in_ns client curl -sS --fail --max-time 10 -H 'Connection: close' --config - | sort -u | tr '\n' ' '
}

# expect_servers WHEN "NAME NAME "
expect_servers() {
  local found
  found=$(servers)
  [ "$found" = "$2" ] || fail "$1: new connections go to '$found', not to '$2': $(belkactl status)"
  pass_on "$1: new connections go to $found"
}

are_servers() { [ "$(servers)" = "$1" ]; }

# status_has PATTERN
status_has() { belkactl status | grep -qE -- "$1"; }
none_is_down() { ! status_has '^NOT UP|^FALLS BACK'; }

# becomes WHAT PATTERN   in a line of `status`
becomes() { wait_for 20 "$1" status_has "$2"; }

daemon() { start_belkad splitter --interface=eth0 --config="$WORK/belka.yaml"; }

lab prod-1 prod-2 canary-1
for name in prod-1 prod-2 canary-1; do
  start_nginx "$name"
  page "$name" "all is well"
done
cat >"$WORK/belka.yaml" <<YAML
seed_file: $WORK/seed
tick: 2s
services:
  - name: web
    vip: $VIP
    port: 80
    protocol: tcp
    idle: {tcp: 16s}
    slots: 4096
    forward: ipip
    health: {http: /files/health, body: well, every: 500ms, timeout: 450ms, fall: 3, rise: 2}
    pools:
      prod: {backends: [$(lab_address_v4 1), $(lab_address_v4 2)], fallback: use-all, min_healthy: 50%}
      canary: {backends: [$(lab_address_v4 3)], fallback: prod}
    split: {canary: 30%}
YAML
daemon
wait_for 10 "the backends' MACs" all_resolved
expect_servers "all are up" "canary-1 prod-1 prod-2 "

rm "$WORK/prod-1/files/health"
becomes "prod-1 to be down" "^$(lab_address_v4 1) .* status 404"
expect_servers "prod-1 answers 404" "canary-1 prod-2 "
page prod-1 "all is lost"
becomes "the other reason" "^$(lab_address_v4 1) .* body"
expect_servers "prod-1 has another page" "canary-1 prod-2 "

kill_belkad
expect_servers "the daemon is dead" "canary-1 prod-2 "
daemon
expect_servers "another daemon runs" "canary-1 prod-2 "

rm "$WORK/prod-2/files/health"
becomes "prod to use all" "^prod +web +0 +2 +use-all"
# Not sooner than 4 s and a tick after it went down.
wait_for 20 "prod-1 to serve again" are_servers "canary-1 prod-1 prod-2 "
pass_on "too few of prod are up: new connections go to all of it"
page prod-1 "all is well again: well"
page prod-2 "well"
wait_for 20 "all to be up" none_is_down
expect_servers "all are up again" "canary-1 prod-1 prod-2 "

# A machine that is gone says nothing.
ip -n "$(ns switch)" link set canary-1 down
becomes "canary-1 to be down" "^$(lab_address_v4 3) .* timed out"
expect_servers "canary-1 is gone" "prod-1 prod-2 "
ip -n "$(ns switch)" link set canary-1 up
wait_for 20 "all to be up" none_is_down
wait_for 10 "the backends' MACs" all_resolved
expect_servers "canary-1 is back" "canary-1 prod-1 prod-2 "
check_balance 0
