#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# belkad attaches to two interfaces, and is stopped, killed and started again: what it made stays as
# it is, byte by byte.
#
#   client eth0 ---- eth0 splitter eth1 ---- eth0 other
#   10.0.0.1, .3     10.0.0.2    10.0.1.2    10.0.1.1
#
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

make_ns client splitter other
make_veth client eth0 splitter eth0 2
make_veth other eth0 splitter eth1
address client eth0 10.0.0.1/24
address client eth0 10.0.0.3/24
address splitter eth0 10.0.0.2/24
address other eth0 10.0.1.1/24
address splitter eth1 10.0.1.2/24

web_yaml() { # SHARE
  cat <<YAML
seed_file: $WORK/seed
services:
  - name: web
    vip: 203.0.113.10
    port: 443
    protocol: tcp
    forward: ipip
    pools:
      prod: {backends: [10.0.0.1, 10.0.1.1]}
      canary: {backends: [10.0.0.3]}
    split: {canary: $1}
YAML
}
web_yaml 5% >"$WORK/web.yaml"

start() { start_belkad splitter --interface=eth0,eth1 --config="$WORK/web.yaml"; }
digests() { "$(dirname "$0")/table_digests.py" "$PINS"; }
status_says() { # a Python expression of `s`
  curl -s --unix-socket "$SOCKET" http://belka/v1/status |
    python3 -c "import json, sys; s = json.load(sys.stdin); sys.exit(0 if $1 else 1)"
}
link_ids() {
  local place
  for place in 0 1; do bpftool -j link show pinned "$PINS/link_$place"; done
}
map_id() { bpftool -j map show pinned "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])'; }
share_is() { status_says "abs(s['services'][0]['pools'][1]['in_force'] - $1) < 0.0001"; }
all_ready() { status_says "s['unresolved'] == []"; }

start
status_says "[(i['name'], i['mode'], i['attached']) for i in s['interfaces']] == [('eth0', 'native', True), ('eth1', 'native', True)]" ||
  fail "status does not say native on both"
[ "$(map_id "$PINS/xsks_0")" != "$(map_id "$PINS/xsks_1")" ] || fail "one xsks_map for two interfaces"
wait_for 10 "both next hops" all_ready
pass_on "two interfaces, native, an xsks_map each, backends on both resolved"

expect_refusal "another belkad \(process $BELKAD_PID\) runs" nsenter --net="/run/netns/$(ns splitter)" \
  "$BELKA_BUILD/belkad" "--pins=$PINS" "--socket=$WORK/b.sock" "--state=$WORK/b" --interface=eth0
pass_on "a second daemon on one instance is refused"

before=$(digests)
before_links=$(link_ids)
stop_belkad
[ "$(digests)" = "$before" ] || fail "stopping changed the tables"
start
[ "$(digests)" = "$before" ] || fail "a restart changed the tables"
[ "$(link_ids)" = "$before_links" ] || fail "a restart changed the links"
kill_belkad
start
[ "$(digests)" = "$before" ] || fail "a kill and a restart changed the tables"
[ "$(link_ids)" = "$before_links" ] || fail "a kill and a restart changed the links"
pass_on "stopped, killed and started again: the same bytes, links and programs"

another_heartbeat() {
  stop_belkad
  start_belkad splitter --interface=eth0,eth1 --config="$WORK/web.yaml" --heartbeat=20ms
  status_says "s['heartbeat_ms'] == 20" || fail "status does not say the heartbeat"
  grep -q "stays attached .*with the program of this belkad" "$WORK/belkad.log" || fail "the program was not replaced"
  [ "$(digests)" = "$before" ] || fail "another heartbeat changed the tables"
  stop_belkad
  start
  [ "$(link_ids | grep -o '"id":[0-9]*')" = "$(grep -o '"id":[0-9]*' <<<"$before_links")" ] || fail "another heartbeat changed the links"
  pass_on "another --heartbeat replaces the program in its link"
}
is_brief || another_heartbeat

what_is_applied() {
  stop_belkad
  mv "$WORK/seed" "$WORK/seed.kept"
  (umask 077 && head -c 32 /dev/zero >"$WORK/seed")
  expect_refusal "made with another seed than $WORK/seed has" nsenter --net="/run/netns/$(ns splitter)" \
    "$BELKA_BUILD/belkad" "--pins=$PINS" "--socket=$SOCKET" "--state=$STATE" --interface=eth0,eth1 \
    --config="$WORK/web.yaml"
  mv "$WORK/seed.kept" "$WORK/seed"
  [ "$(digests)" = "$before" ] || fail "a refused seed changed the tables"
  start
  pass_on "another seed than the tables were made with is refused"

  belkactl split web canary=25% >/dev/null
  stop_belkad
  start
  share_is 0.25 || fail "the operator's split is lost by a restart"
  grep -q "is as it was last loaded" "$WORK/belkad.log" || fail "the log does not say what goes on"
  stop_belkad
  web_yaml 10% >"$WORK/web.yaml"
  start
  share_is 0.1 || fail "a changed file is not applied at a restart"
  belkactl split web canary=15% >/dev/null
  stop_belkad
  "$BELKA_BUILD/belkad" --uninstall "--pins=$PINS" 2>"$WORK/uninstall.log" || fail "uninstall failed"
  if [ -e "$PINS" ] || has_xdp splitter eth0 || has_xdp splitter eth1; then
    fail "uninstall left something"
  fi
  start
  share_is 0.15 || fail "without tables, as after a reboot, what was applied is not published"
  pass_on "operator's changes survive restarts and a reboot; a changed file is applied; uninstall leaves nothing"
}
is_brief || what_is_applied

old=$(bpftool -j link show pinned "$PINS/link_0")
ip -n "$(ns splitter)" link del eth1
wait_for 10 "the removal in the status" status_says "[i['attached'] for i in s['interfaces']] == [True, False]"
make_veth other eth0 splitter eth1
address other eth0 10.0.1.1/24
address splitter eth1 10.0.1.2/24
wait_for 10 "eth1 to be attached again" status_says "[i['attached'] for i in s['interfaces']] == [True, True]"
wait_for 10 "its backend" all_ready
[ "$(bpftool -j link show pinned "$PINS/link_0")" = "$old" ] || fail "eth0 was touched"
pass_on "an interface that is removed shows in the status, and is attached again when it comes back"

who_is_named() {
  stop_belkad
  start_belkad splitter --interface=eth1 --interface=eth0 --config="$WORK/web.yaml"
  [ "$(bpftool -j link show pinned "$PINS/link_0")" = "$old" ] || fail "the order of --interface matters"
  stop_belkad
  start_belkad splitter --interface=eth1 --config="$WORK/web.yaml"
  ! has_xdp splitter eth0 || fail "an interface that is not named any more stays attached"
  ip -n "$(ns splitter)" link del eth1
  wait_for 10 "the removal in the status" status_says "[i['attached'] for i in s['interfaces']] == [False]"
  stop_belkad
  start_belkad splitter --interface=eth0 --config="$WORK/web.yaml"
  [ "$(cd "$PINS" && echo link_* xsks_*)" = "link_0 xsks_0" ] || fail "what belonged to a removed interface stays pinned"
  stop_belkad
  pass_on "an interface that is not named any more is let go, also where it was removed before"
}
if is_brief; then stop_belkad; else who_is_named; fi
"$BELKA_BUILD/belkad" --uninstall "--pins=$PINS" 2>/dev/null

ip -n "$(ns splitter)" link set eth0 mtu 9000
ip -n "$(ns client)" link set eth0 mtu 9000
expect_refusal "eth0's driver refuses native XDP" nsenter --net="/run/netns/$(ns splitter)" \
  "$BELKA_BUILD/belkad" "--pins=$PINS" "--socket=$SOCKET" "--state=$STATE" --interface=eth0 --require_native
[ ! -e "$PINS" ] || fail "a start that failed left its pins"
start_belkad splitter --interface=eth0 --config="$WORK/web.yaml"
status_says "[(i['mode'], i['attached']) for i in s['interfaces']] == [('generic', True)]" || fail "status does not say generic"
pass_on "generic XDP where the driver refuses native; the status says so"
