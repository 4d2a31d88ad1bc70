#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What belka-dataplane and belkactl refuse: one sentence with the remedy, exit code 1, and what runs is
# not disturbed by it.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lab.sh
. "$(dirname "$0")/lab.sh"

REQUESTS=20

# refuses WHAT PATTERN COMMAND...: one sentence of the program's that matches, and exit code 1
refuses() {
  local what=$1 pattern=$2 status=0
  shift 2
  timeout 20 "$@" >"$WORK/refusal.log" 2>&1 || status=$?
  [ "$status" = 1 ] || fail "$what: exit code $status instead of 1"
  [ "$(grep -c '^belka[a-z-]*: ' "$WORK/refusal.log")" = 1 ] || fail "$what: not one sentence"
  grep -qE "^belka[a-z-]*: .*$pattern" "$WORK/refusal.log" || fail "$what: no '$pattern'"
  pass_on "$what: $(sed -n 's/^belka[a-z-]*: //p' "$WORK/refusal.log")"
}

# dataplane_refuses WHAT PATTERN FLAG...
dataplane_refuses() {
  local what=$1 pattern=$2
  shift 2
  refuses "$what" "$pattern" nsenter --net="/run/netns/$(ns splitter)" -- \
    "$BELKA_BUILD/belka-dataplane" "--file_prefix=$(ns refused)" "$@"
}

expect_all_answered() {
  local i answers
  answers=$(for ((i = 0; i < REQUESTS; i++)); do printf 'url = "http://192.0.2.10/"\n'; done |
    in_ns client curl -sS --fail --max-time 10 --config - | grep -c '^backend$')
  [ "$answers" = "$REQUESTS" ] || fail "only $answers of $REQUESTS requests were answered"
}

# Between its look at the interface's program and the opening of its sockets the data plane makes DPDK's directory;
# the call that does is held up while COMMAND runs.
# refuses_after WHAT PATTERN COMMAND...
refuses_after() {
  local what=$1 pattern=$2 late status=0
  shift 2
  nsenter --net="/run/netns/$(ns splitter)" -- strace -f -qq -o /dev/null -e trace=mkdir \
    -e inject=mkdir:delay_exit=5000000 "$BELKA_BUILD/belka-dataplane" "--file_prefix=$(ns refused)" "${here[@]}" \
    >"$WORK/late.log" 2>&1 &
  late=$!
  PIDS+=("$late")
  wait_for 30 "DPDK's directory" test -d "/run/dpdk/$(ns refused)"
  "$@"
  wait "$late" || status=$?
  [ "$status" = 1 ] || fail "$what: exit code $status instead of 1: $(cat "$WORK/late.log")"
  grep -qE "^belka-dataplane: .*$pattern" "$WORK/late.log" || fail "$what: $(cat "$WORK/late.log")"
  pass_on "$what: $(sed -n 's/^belka-dataplane: //p' "$WORK/late.log")"
}

uninstall() { "$BELKA_BUILD/belkad" --uninstall "--pins=$PINS" 2>"$WORK/uninstall.log"; }
install() { start_belkad splitter --interface=eth0 --config="$WORK/belka.yaml"; }
reinstall() { uninstall && install; }

forget_refused() { rm -rf "/run/dpdk/$(ns refused)"; }
AT_EXIT+=(forget_refused)

lab backend
start_nginx backend
need_bpffs
dataplane_refuses "no tables" "no tables at $PINS.*start belkad" --pins="$PINS" --interface=eth0
dataplane_refuses "nothing to receive from" "--interface=" --pins="$PINS"
dataplane_refuses "wrong flags" "unknown argument" --pins="$PINS" --interface=eth0 eth1
refuses "no daemon" "belkad" "$BELKA_BUILD/belkactl" "--socket=$SOCKET" status

cat >"$WORK/belka.yaml" <<YAML
seed_file: $WORK/seed
services:
  - name: web
    vip: 192.0.2.10
    port: 80
    protocol: tcp
    forward: l2
    pools: {prod: {backends: [$(lab_address_v4 1)]}}
YAML
start_belkad splitter --interface=eth0 --config="$WORK/belka.yaml"
wait_for 10 "the backend's MAC" all_resolved

here=(--pins="$PINS" --interface=eth0)
dataplane_refuses "unknown interface" "no interface eth7" --pins="$PINS" --interface=eth7
dataplane_refuses "an interface without belkad" "belkad does not run on lo.*--interface=lo" --pins="$PINS" --interface=lo
dataplane_refuses "unknown queue" "queues 0 to 1" "${here[@]}" --queues=2
dataplane_refuses "unknown CPU" "CPU 1023" "${here[@]}" --cores=1023
refuses "no root" "root" nsenter --net="/run/netns/$(ns splitter)" -- setpriv --reuid=65534 --regid=65534 \
  --clear-groups --bounding-set=-all "$BELKA_BUILD/belka-dataplane" "${here[@]}"
refuses "no root for the socket" "$SOCKET" setpriv --reuid=65534 --regid=65534 --clear-groups \
  --bounding-set=-all "$BELKA_BUILD/belkactl" "--socket=$SOCKET" status

start_dataplane splitter --interface=eth0 --cores="$LAB_CORE"
dataplane_refuses "two data planes" "another" "${here[@]}" --cores="$LAB_CORE"
expect_all_answered
check_balance 0
stop_dataplane TERM
expect_all_answered
check_balance 0
pass_on "every request was answered meanwhile"

command -v strace >/dev/null || skip "no strace, which holds calls up; the rest passed"
stop_belkad
refuses_after "belkad left while the sockets were opened" "belkad let go of eth0.*got (no program|xsk_def_prog)" uninstall
! has_xdp splitter eth0 || fail "libxdp's program stays on eth0"
install
stop_belkad
refuses_after "belkad left, and came back" "belkad let go of eth0.*xsk_def_prog" reinstall
wait_for 10 "the backend's MAC" all_resolved
expect_all_answered
check_balance 0
pass_on "XDP splits on"
