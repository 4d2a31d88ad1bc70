#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Echo requests to virtual IPs are answered, for IPv4 and IPv6 and in both planes, while TCP goes on: by the
# XDP program, by it again while a data plane has the TCP, and by the data plane where it gets them.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lab.sh
. "$(dirname "$0")/lab.sh"

REQUESTS=20
FLOOD=3000
CAPTURED_FLOOD=100000
VIP4=192.0.2.10
VIP6=2001:db8:77::10
HERE=$(dirname "$0")

write_service() {
  cat <<YAML
  - name: $1
    vip: "$2"
    port: 80
    protocol: tcp
    forward: l2
    pools: {prod: {backends: ["$3"]}}
YAML
}

# One request after another, each on a connection of its own; a line for each answer.
start_tcp() {
  rm -f "$WORK/stop"
  # shellcheck disable=SC2016  # the other bash expands it
  background client bash -c 'until [ -e "$0" ]; do
    curl -sS --fail --globoff --max-time 10 -H "Connection: close" "$1" "$2" || echo failed
  done' "$WORK/stop" "http://$VIP4/" "http://[$VIP6]/" >"$WORK/tcp.log" 2>&1
}

tcp_answers() { wc -l <"$WORK/tcp.log"; }

tcp_goes_on() { [ "$(tcp_answers)" -ge $(($1 + 10)) ]; }

stop_tcp() {
  touch "$WORK/stop"
  wait_for 20 "the last connection" eval "! kill -0 $LAST_PID"
  ! grep -vx prod "$WORK/tcp.log" || fail "not every connection was answered"
}

ask() { in_ns client /usr/bin/python3 "$HERE/echo_ask.py" "$@"; }

# All are answered, by the XDP program, and TCP meanwhile.
check_vips() {
  local plane=$1 vip answered tcp replied
  replied=$(packets_of xdp echo_replied)
  start_tcp
  wait_for 20 "TCP to begin" tcp_goes_on 0
  for vip in "$VIP4" "$VIP6"; do
    tcp=$(tcp_answers)
    answered=$(ask "$vip" "$REQUESTS") || fail "$plane: $answered of $REQUESTS requests to $vip were answered"
    wait_for 20 "TCP to go on" tcp_goes_on "$tcp"
    pass_on "TCP in $plane: $answered of $REQUESTS requests to $vip answered"
  done
  stop_tcp
  check_balance 0
  replied=$(($(packets_of xdp echo_replied) - replied))
  [ "$replied" = $((2 * REQUESTS)) ] || fail "echo_replied grew by $replied instead of $((2 * REQUESTS))"
  LEAST=$(($(tcp_answers) * 4))
}

check_plane() { carried_by "$1" check_vips "$1"; }

# Each CPU answers a thousand at once, and a thousand a second.
check_limit() {
  local before limited answered begin most
  before=$(packets_of xdp echo_replied)
  limited=$(packets_of xdp echo_limited)
  begin=$(date +%s%N)
  answered=$(ask "$VIP4" "$FLOOD" together) || fail "$answered"
  most=$(($(nproc) * (1000 + ($(date +%s%N) - begin) / 1000000)))
  check_balance 0
  limited=$(($(packets_of xdp echo_limited) - limited))
  [ "$answered" = $(($(packets_of xdp echo_replied) - before)) ] || fail "not every reply arrived"
  [ $((answered + limited)) = "$FLOOD" ] || fail "$answered answered and $limited limited are not $FLOOD"
  ((answered >= 1000 && answered <= most)) || fail "$answered answered, at most $most may be"
  pass_on "of $FLOOD requests at once $answered were answered"
}

# run_capture IN OUT: a capture through the data plane; prints what it counted
run_capture() {
  "$BELKA_BUILD/belkactl" tables -f "$WORK/belka.yaml" --out "$WORK/tables" --next-hop 02:00:00:00:00:01 \
    --source-mac 02:00:00:00:00:02 --ifindex 1 >/dev/null
  "$BELKA_BUILD/belka-dataplane" "--file_prefix=$(ns dpdk-pcap)" "--tables=$WORK/tables" \
    "--pcap=$1,$2" 2>"$WORK/capture.log" || fail "the data plane failed on a capture"
  "$BELKA_BUILD/belkactl" stats "--tables=$WORK/tables"
}

# expect_received COUNT STATISTICS
expect_received() {
  grep -q "plane dpdk: received $1 packets = sum of verdicts" <<<"$2" || fail "packets are missing: $2"
}

printed_of() { awk -v "verdict=$1" '$1 == verdict {print $2}' <<<"$2"; }

# The XDP program hands none over; on a port without one the data plane gets them itself.
check_dataplane_itself() {
  local statistics
  /usr/bin/python3 "$HERE/echo_capture.py" write "$REQUESTS" "$WORK/in.pcap"
  statistics=$(run_capture "$WORK/in.pcap" "$WORK/out.pcap")
  /usr/bin/python3 "$HERE/echo_capture.py" check "$REQUESTS" "$WORK/out.pcap" || fail "the data plane's replies"
  expect_received $((6 * REQUESTS)) "$statistics"
  [ "$(printed_of echo_replied "$statistics")" = $((2 * REQUESTS)) ] || fail "not all answered: $statistics"
  pass_on "the data plane itself: $((2 * REQUESTS)) of $((2 * REQUESTS)) requests among TCP answered"
}

# A thousand, and one more for each millisecond that the data plane runs.
check_dataplane_limit() {
  local statistics begin most answered
  /usr/bin/python3 "$HERE/echo_capture.py" flood "$CAPTURED_FLOOD" "$WORK/in.pcap"
  begin=$(date +%s%N)
  statistics=$(run_capture "$WORK/in.pcap" "$WORK/out.pcap")
  most=$((1000 + ($(date +%s%N) - begin) / 1000000))
  expect_received "$CAPTURED_FLOOD" "$statistics"
  answered=$(printed_of echo_replied "$statistics")
  [ $((answered + $(printed_of echo_limited "$statistics"))) = "$CAPTURED_FLOOD" ] || fail "others: $statistics"
  ((answered > 1000 && answered <= most)) || fail "$answered answered: more than 1000 and at most $most may be"
  pass_on "the data plane itself: of $CAPTURED_FLOOD requests at once $answered were answered"
}

forget_capture() { rm -rf "/run/dpdk/$(ns dpdk-pcap)"; }
AT_EXIT+=(forget_capture)

lab prod
start_nginx prod
{
  echo "seed_file: $WORK/seed"
  echo "services:"
  write_service v4 "$VIP4" "$(lab_address_v4 1)"
  write_service v6 "$VIP6" "$(lab_address_v6 1)"
} >"$WORK/belka.yaml"
start_belkad splitter --interface=eth0 --config="$WORK/belka.yaml"
wait_for 10 "the backends' MACs" all_resolved

check_plane xdp
start_dataplane splitter --interface=eth0 --cores="$LAB_CORE"
check_plane dpdk
check_limit
stop_dataplane TERM
check_plane xdp
check_dataplane_itself
check_dataplane_limit
