#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Upgrades under numbered UDP at 10,000 packets a second, each named, each with its outage: the daemon, the data
# plane, and the XDP program, which the belkad of another version puts in the place of the old one through its
# pinned link. Tables of another layout are refused in one sentence, and what is attached splits on. No packet is
# lost in any of it.
# timeout: 3600
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lab.sh
. "$(dirname "$0")/lab.sh"
# shellcheck source=tests/e2e/stream.sh
. "$(dirname "$0")/stream.sh"

HERE=$(dirname "$0")
NEXT=tests/e2e/belkad_next # under $BELKA_BUILD
TIMES=$([ "${BELKA_SOAK:-}" = 1 ] && echo 30 || echo 1)
STARTS=$([ "${BELKA_SOAK:-}" = 1 ] && echo 150 || echo 0) # in each plane, beside two: loading takes seconds
SWAPS=$([ "${BELKA_SOAK:-}" = 1 ] && echo 300 || echo 30) # in each plane
LAYOUT_AT=0 # the layout version is the first word of the node

link_field() { bpftool -j link show pinned "$PINS/link_0" | /usr/bin/python3 -c "import json, sys; print(json.load(sys.stdin)['$1'])"; }

restart_daemon() { stop_belkad && "$1"; }
upgrade_dataplane() { stop_dataplane TERM && start_one_lcore; }

# upgrade_daemon START: a daemon of another version brings its program; the link is the same
upgrade_daemon() {
  local link program
  link=$(link_field id)
  program=$(link_field prog_id)
  restart_daemon "$1"
  grep -q 'stays attached .* with the program of this belkad' "$WORK/belkad.log" || fail "the program was not replaced"
  [ "$(link_field id)" = "$link" ] || fail "the link is another than before the upgrade"
  [ "$(link_field prog_id)" != "$program" ] || fail "the old program is attached after the upgrade"
}

# An even number of swaps: the next version stays, and its daemon runs.
swap_programs() {
  rm -f "$WORK/go"
  "$HERE/swap_programs.py" "$PINS/link_0" "$SWAPS" "$WORK/go" >"$WORK/swaps" 2>"$WORK/swaps.log" &
  local swapper=$!
  PIDS+=("$swapper")
  wait_for 10 "the first program to be held" grep -q holds "$WORK/swaps"
  upgrade_daemon next_daemon
  touch "$WORK/go"
  wait "$swapper" || fail "the programs could not be swapped: $(cat "$WORK/swaps.log")"
}

# set_layout VERSION: of the tables that are in force
set_layout() {
  local node
  node=$(bpftool -j map lookup pinned "$PINS/node" key 0 0 0 0 |
    /usr/bin/python3 -c "import json, sys
value = [int(byte, 0) for byte in json.load(sys.stdin)['value']]
value[$LAYOUT_AT] = $1
print(*value)")
  # shellcheck disable=SC2086  # a word for each byte
  bpftool map update pinned "$PINS/node" key 0 0 0 0 value $node
}

# Neither a daemon nor a data plane touches tables that it does not know.
refuse_layout() {
  local program
  program=$(link_field prog_id)
  expect_refusal "have layout 99, this belkad has layout [0-9]+: start the belkad that made them, or .*--uninstall" \
    nsenter --net="/run/netns/$(ns splitter)" -- "$BELKA_BUILD/$1" "--pins=$PINS" "--socket=$SOCKET" \
    "--state=$STATE" --interface=eth0 --config="$WORK/belka.yaml"
  [ "$(link_field prog_id)" = "$program" ] || fail "a refused daemon replaced the program"
}

refuse_layout_dataplane() {
  local status=0
  nsenter --net="/run/netns/$(ns splitter)" -- timeout 20 "$BELKA_BUILD/belka-dataplane" "--pins=$PINS" \
    "--file_prefix=$(ns dpdk)" --interface=eth0 --cores="$LAB_CORE" 2>"$WORK/refusal.log" || status=$?
  [ "$status" = 1 ] || fail "exit code $status from a data plane with tables of another layout"
  grep -qE '^belka-dataplane: .* have layout 99, this program has layout' "$WORK/refusal.log" ||
    fail "the data plane does not say that the layout is another"
}

# In the plane that is up: the daemon, its next version and back, and many swaps.
upgrades() {
  local time
  for ((time = 0; time < TIMES; time++)); do
    do_event "daemon upgraded, same program ($1)" restart_daemon daemon
  done
  for ((time = 0; time < STARTS / 2; time++)); do
    do_event "XDP program replaced by belkad ($1)" upgrade_daemon next_daemon
    do_event "XDP program replaced by belkad ($1)" upgrade_daemon daemon
  done
  do_event "XDP program swapped in place $SWAPS times ($1)" swap_programs
  do_event "XDP program replaced by belkad ($1)" upgrade_daemon daemon
}

lab backend
start_stream_service
layout=$(bpftool -j map lookup pinned "$PINS/node" key 0 0 0 0 |
  /usr/bin/python3 -c "import json, sys; print(int(json.load(sys.stdin)['value'][$LAYOUT_AT], 0))")
begin_stream $((STREAM_RATE * (300 + 10 * (2 * STARTS + 2 * TIMES))))
do_event "before any upgrade" true
upgrades xdp
do_event "data plane started" start_one_lcore
for ((time = 0; time < TIMES; time++)); do
  do_event "data plane upgraded" upgrade_dataplane
done
expect_dataplane_carries
upgrades dpdk
expect_dataplane_carries
do_event "daemon stopped" stop_belkad
set_layout 99
do_event "layout refused by belkad (dpdk)" refuse_layout belkad
do_event "data plane stopped cleanly" stop_dataplane TERM
do_event "layout refused by belkad_next (xdp)" refuse_layout "$NEXT"
do_event "layout refused by the data plane" refuse_layout_dataplane
set_layout "$layout"
do_event "daemon started" daemon
do_event "data plane started" start_one_lcore
expect_dataplane_carries
end_stream
judge_stream "$WORK/gaps"
