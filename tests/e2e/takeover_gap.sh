#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# For `make bench`: the outages of takeovers under numbered UDP at 10,000 packets a second, as one JSON object on
# the last line, by event: times, median and worst packets lost, median and worst outage in ms. TIMES of each.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lab.sh
. "$(dirname "$0")/lab.sh"
# shellcheck source=tests/e2e/stream.sh
. "$(dirname "$0")/stream.sh"

TIMES=${1:-11}

replace_program() { stop_belkad && next_daemon; }

lab backend
start_stream_service
begin_stream $((STREAM_RATE * (120 + 30 * TIMES)))
for ((time = 0; time < TIMES; time++)); do
  do_event "data plane started" start_one_lcore
  do_event "data plane killed" kill_dataplane
  do_event "data plane started" start_one_lcore
  do_event "data plane hung" hang
  do_event "data plane goes on" go_on
  do_event "data plane stopped cleanly" stop_dataplane TERM
done
do_event "XDP program replaced" replace_program
end_stream
judge_stream "$WORK/gaps" >&2
cat "$WORK/gaps"
echo
