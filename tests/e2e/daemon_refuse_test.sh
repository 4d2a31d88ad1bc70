#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each fault of the set-up is one sentence with its remedy, exit code 1, and nothing left behind.
#
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

make_ns client splitter
make_veth client eth0 splitter eth0
need_bpffs
printf 'seed_file: %s\nservices: []\n' "$WORK/seed" >"$WORK/web.yaml"

belkad() {
  nsenter --net="/run/netns/$(ns splitter)" -- "$BELKA_BUILD/belkad" "--socket=$SOCKET" "--state=$STATE" "$@"
}
refused() { # PATTERN FLAG...
  local pattern=$1
  shift
  expect_refusal "$pattern" nsenter --net="/run/netns/$(ns splitter)" -- "$BELKA_BUILD/belkad" \
    "--socket=$SOCKET" "--state=$STATE" "$@"
  [ ! -e "$PINS" ] || fail "pins are left after: $*"
}
here=(--pins="$PINS" --interface=eth0)

expect_refusal "lacks the capabilities NET_ADMIN, BPF, PERFMON.*: start belkad as root" \
  setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all \
  "$BELKA_BUILD/belkad" --pins="$PINS" --interface=lo
pass_on "no root"
refused "there is no interface eth7: .* eth0" --pins="$PINS" --interface=eth7
refused "no --interface is given: .* eth0" --pins="$PINS"
refused "names ''" --pins="$PINS" --interface=eth0,
pass_on "unknown, missing and empty interface"
refused "is not in a bpffs.*mount -t bpf bpf $WORK" --pins="$WORK/belka" --interface=eth0
refused "is no absolute path" --pins=belka --interface=eth0
pass_on "no bpffs"
refused "cannot read --config=$WORK/none.yaml: No such file" "${here[@]}" --config="$WORK/none.yaml"
printf 'services:\n  - name: web\n    vip: 300.1.1.1\n' >"$WORK/bad.yaml"
status=0
belkad "${here[@]}" --config="$WORK/bad.yaml" 2>"$WORK/bad.log" || status=$?
[ "$status" = 1 ] || fail "exit code $status for a bad file"
grep -q "^belkad: $WORK/bad.yaml:3: services\[0\].vip: " "$WORK/bad.log" || fail "no place of the error"
[ ! -e "$PINS" ] || fail "pins are left after a bad file"
pass_on "no configuration file, and a wrong one"
refused "unknown argument" "${here[@]}" eth1
refused "unknown --log_level=loud" "${here[@]}" --log_level=loud
for heartbeat in 0ms 1001ms 5 -1ms ''; do
  refused "--heartbeat: got '?$heartbeat'?; expected a whole number with its unit \(ms, s or m\) from 1ms to 1s; " \
    "${here[@]}" --config="$WORK/web.yaml" "--heartbeat=$heartbeat"
done
pass_on "wrong flags"

# Its program reads what no kernel lets it: the sentence has the verifier's words, the log before it all of them.
expect_refusal "cannot load the XDP program for eth0: got \"R[0-9] invalid mem access '[a-z]+'\" \(Permission denied\) from \
the verifier of Linux $(uname -r | sed 's/[.+]/\\&/g'); expected " nsenter --net="/run/netns/$(ns splitter)" -- \
  "$BELKA_BUILD/tests/e2e/belkad_refused" "--socket=$SOCKET" "--state=$STATE" "${here[@]}" --config="$WORK/web.yaml"
grep -q "^[-0-9T:.]* error: .*-- BEGIN PROG LOAD LOG --" "$WORK/refusal.log" || fail "the verifier's log does not begin in belkad's"
grep -q "^[-0-9T:.]* error: processed [0-9]* insns" "$WORK/refusal.log" || fail "the verifier's log does not end in belkad's"
[ ! -e "$PINS" ] || fail "pins are left by a program that was refused"
pass_on "a program that the kernel refuses"

receive_xdp splitter eth0
refused "eth0 has an XDP program that is not of this instance, xdp_pass \(id [0-9]+\): take it off with .ip link set dev eth0 xdp off" "${here[@]}"
in_ns splitter ip link set dev eth0 xdp off
pass_on "somebody else's XDP program"

touch "$WORK/plain"
refused "is no socket" "${here[@]}" --config="$WORK/web.yaml" "--socket=$WORK/plain"
! has_xdp splitter eth0 || fail "a start that failed after attaching left its program"
pass_on "a socket that is a file, which is found out last"

# After a kill in the middle of the making: some pins, and no node.
mkdir "$PINS"
bpftool map create "$PINS/slots" type array key 4 value 4 entries 1 name slots
start_belkad splitter --interface=eth0 --config="$WORK/web.yaml"
stop_belkad
pass_on "pins of a start that was killed half-way are replaced"

service() { # SLOTS
  printf 'seed_file: %s\nservices:\n  - {name: web, vip: 203.0.113.10, port: 80, protocol: tcp, slots: %s,\n' "$WORK/seed" "$1"
  printf '     forward: l2, pools: {prod: {backends: [10.9.0.1]}}}\n'
}
service 1024 >"$WORK/web.yaml"
start_belkad splitter --interface=eth0 --config="$WORK/web.yaml"
stop_belkad
service 2048 >"$WORK/web.yaml"
expect_refusal "web.yaml: service web: .*slots.* breaks connections: .*pass --break-connections" \
  nsenter --net="/run/netns/$(ns splitter)" "$BELKA_BUILD/belkad" "${here[@]}" "--state=$STATE" "--socket=$SOCKET" --config="$WORK/web.yaml"
start_belkad splitter --interface=eth0
[ "$(belkactl get services | awk '$1 == "web"' | grep -c 1024)" = 1 ] || fail "a refused configuration is in force"
stop_belkad
start_belkad splitter --interface=eth0 --config="$WORK/web.yaml" --break-connections
[ "$(belkactl get services | awk '$1 == "web"' | grep -c 2048)" = 1 ] || fail "--break-connections did nothing"
stop_belkad
pass_on "a changed configuration that cuts connections, unless it is said to"

rm "$PINS/node"
bpftool map create "$PINS/node" type array key 4 value 64 entries 1 name node flags 0x400
# shellcheck disable=SC2046  # a word for each byte
bpftool map update pinned "$PINS/node" key 0 0 0 0 value 99 0 0 0 $(printf '0 %.0s' {1..60})
expect_refusal "have layout 99, this belkad has layout [0-9]+: start the belkad that made them, or .*--uninstall --pins=$PINS" \
  nsenter --net="/run/netns/$(ns splitter)" "$BELKA_BUILD/belkad" "--pins=$PINS" --interface=eth0 "--state=$STATE" "--socket=$SOCKET"
has_xdp splitter eth0 || fail "a refused start detached what was there"
belkad "--pins=$PINS" --uninstall 2>"$WORK/uninstall.log"
refused "nothing is installed" "--pins=$PINS" --uninstall
! has_xdp splitter eth0 || fail "uninstall left a link"
pass_on "tables of another layout"

