#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What an earlier run left of the limit of echo replies does not bind the next: a file of tables may be older than the machine's
# last start, and then the time at which its bucket is full again is far ahead.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

HERE=$(dirname "$0")
REQUESTS=20

cat >"$WORK/belka.yaml" <<YAML
seed_file: $WORK/seed
services:
  - {name: v4, vip: 192.0.2.10, port: 80, protocol: tcp, forward: l2, pools: {prod: {backends: [10.77.0.11]}}}
  - {name: v6, vip: "2001:db8:77::10", port: 80, protocol: tcp, forward: l2, pools: {prod: {backends: ["fd00:77::11"]}}}
YAML
/usr/bin/python3 -c 'import os, sys; open(sys.argv[1], "wb").write(os.urandom(32)); os.chmod(sys.argv[1], 0o600)' "$WORK/seed"
"$BELKA_BUILD/belkactl" tables -f "$WORK/belka.yaml" --out "$WORK/tables" --next-hop 02:00:00:00:00:01 \
  --source-mac 02:00:00:00:00:02 --ifindex 1 >/dev/null
/usr/bin/python3 "$HERE/echo_capture.py" write "$REQUESTS" "$WORK/in.pcap"

forget_capture() { rm -rf "/run/dpdk/belka-$$-pcap"; }
AT_EXIT+=(forget_capture)

run_capture() {
  "$BELKA_BUILD/belka-dataplane" "--file_prefix=belka-$$-pcap" "--tables=$WORK/tables" \
    "--pcap=$WORK/in.pcap,$WORK/out.pcap" 2>"$WORK/capture.log" || fail "the data plane failed on a capture"
  /usr/bin/python3 "$HERE/echo_capture.py" check "$REQUESTS" "$WORK/out.pcap" || fail "$1"
}

# The one word of the file that is a time of just now: a year is added to it.
make_stale() {
  /usr/bin/python3 - "$WORK/tables" "$1" <<'PY'
import array
import sys
import time

with open(sys.argv[1], "r+b") as file:
    words = array.array("Q")
    data = file.read()
    words.frombytes(data[:len(data) // 8 * 8])
    begin, end = int(sys.argv[2]), time.monotonic_ns() + 2 * 10**9
    times = [place for place, word in enumerate(words) if word and begin <= word <= end]
    if len(times) != 1:
        sys.exit(f"{len(times)} words of the tables look like a time")
    file.seek(8 * times[0])
    file.write((words[times[0]] + 365 * 86400 * 10**9).to_bytes(8, "little"))
PY
}

BEGIN_NS=$(/usr/bin/python3 -c 'import time; print(time.monotonic_ns())')
run_capture "the first run does not answer all"
make_stale "$BEGIN_NS" || fail "there is no trace of the bucket in the tables"
run_capture "after an earlier run not all are answered"
pass_on "$((2 * REQUESTS)) of $((2 * REQUESTS)) requests answered with a bucket that is full again in a year"
