# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A numbered UDP stream through the splitter, and events that may cost packets of it. Source it after lib.sh
# and lab.sh, with a lab of one backend named backend.
#
#   start_stream_service          # belkad, with a service for the stream
#   begin_stream PACKETS
#   do_event "data plane killed" kill_dataplane
#   end_stream                    # $WORK/sent.json, $WORK/received.json, $WORK/events, $WORK/behind
#   judge_stream "$WORK/gaps"     # figures; fails where too much was lost (losses.py)
#
# A line of $WORK/events: when it began, what was dropped until then outside of the splitter, what at the full
# ring of its own interface, and the name. What is dropped outside is told apart from what the splitter lost.
STREAM_RATE=$(sized 1000 10000 10000)
STREAM_FLOWS=64
STREAM_E2E=$(dirname "${BASH_SOURCE[0]}")

# Before all others on their CPU: what a kill keeps this CPU busy with would else hold up the sender in the very
# moment that counts, and hide the outage.
STREAM_FIRST=(nice -n -20)
! chrt -f 50 true 2>/dev/null || STREAM_FIRST=(chrt -f 50)

# Starts no process, which would hold up the sender on this CPU, in the very moment that counts.
exec {NOTHING}<> <(:)
breathe() { read -rt 0.02 -u "$NOTHING" || true; }

# drops_of PID INTERFACE...: adds what these dropped, in the namespace of a process, to DROPPED and SENT_DROPPED
drops_of() {
  local pid=$1 name in_drop out_drop
  shift
  while read -r name _ _ _ in_drop _ _ _ _ _ _ _ out_drop _; do
    case " $* " in *" ${name%:} "*)
      DROPPED=$((DROPPED + in_drop + out_drop))
      SENT_DROPPED=$((SENT_DROPPED + out_drop))
      ;;
    esac
  done <"/proc/$pid/net/dev"
}

event() {
  local outside
  DROPPED=0 SENT_DROPPED=0
  drops_of "$SENDER" eth0
  drops_of "$SWITCH_PID" client backend
  drops_of "$RECEIVER" eth0
  outside=$DROPPED SENT_DROPPED=0
  drops_of "$SWITCH_PID" splitter
  echo "$EPOCHREALTIME $outside $SENT_DROPPED $*" >>"$WORK/events"
}

# begin_stream PACKETS: the numbers there are; the sender is told to end before
begin_stream() {
  local program=$BELKA_BUILD/tests/e2e/udp_numbered
  rm -f "$WORK/events"
  background switch sleep infinity
  SWITCH_PID=$LAST_PID
  background backend setsid "${STREAM_FIRST[@]}" "$program" receive 192.0.2.10 7000 "$1" >"$WORK/received.json"
  RECEIVER=$LAST_PID
  favour "$RECEIVER"
  wait_for 5 "the receiver" eval "in_ns backend ss -Hlun | grep -q 7000"
  background client setsid "${STREAM_FIRST[@]}" "$program" send 192.0.2.10 7000 "$STREAM_RATE" "$1" "$STREAM_FLOWS" \
    >"$WORK/sent.json"
  SENDER=$LAST_PID
  favour "$SENDER"
}

# What found the ring of the interface behind the splitter full, sent by XDP and by the data plane.
dropped_behind() {
  SENT_DROPPED=0 DROPPED=0
  drops_of "$BELKAD_PID" eth0
  echo "$SENT_DROPPED"
}

end_stream() {
  event "end of the stream"
  dropped_behind >"$WORK/behind"
  kill "$SENDER"
  wait "$SENDER"
  steady # a data plane that the machine has stopped for a while still holds some
  kill "$RECEIVER"
  wait "$RECEIVER"
  kill "$SWITCH_PID"
  wait "$SWITCH_PID" 2>/dev/null || true
}

steady() { sleep "${STREAM_PAUSE_S:-0.5}"; }

# do_event NAME COMMAND...
do_event() {
  event "$1"
  shift
  breathe
  "$@"
  steady
}

kill_dataplane() {
  kill -KILL "$DATAPLANE_PID"
  breathe
  wait_for 10 "the data plane to end" is_gone "$DATAPLANE_PID"
}

hang() { kill -STOP "$DATAPLANE_PID" && breathe; }
go_on() { kill -CONT "$DATAPLANE_PID" && breathe; }
start_one_lcore() { start_dataplane splitter --interface=eth0 --cores="$LAB_CORE"; }

daemon() { start_belkad splitter --interface=eth0 --config="$WORK/belka.yaml"; }

# Of the next version: its XDP program is another.
next_daemon() {
  # shellcheck disable=SC2034  # start_belkad reads it
  local BELKAD=$BELKA_BUILD/tests/e2e/belkad_next
  daemon
}

start_stream_service() {
  cat >"$WORK/belka.yaml" <<YAML
seed_file: $WORK/seed
services:
  - name: numbered
    vip: 192.0.2.10
    port: 7000
    protocol: udp
    forward: l2
    pools: {prod: {backends: [$(lab_address_v4 1)]}}
YAML
  daemon
  wait_for 10 "the backend's MAC" all_resolved
}

# A heartbeat alone carries nothing: of about 2,000 packets it must see some hundreds.
dataplane_carries() {
  local before
  before=$(packets_of dpdk)
  sleep 0.2
  [ $(($(packets_of dpdk) - before)) -ge $((STREAM_RATE / 50)) ]
}

expect_dataplane_carries() { wait_for 5 "the data plane to carry the stream" dataplane_carries; }

heartbeat_ms() { belkactl status -o json | /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["heartbeat_ms"])'; }

# judge_stream GAPS: and writes what it found to this file
judge_stream() {
  "$STREAM_E2E/losses.py" "$WORK/sent.json" "$WORK/received.json" "$WORK/events" "$WORK/behind" \
    "$(heartbeat_ms)" "$1" || fail "too much was lost"
  # A killed one may have sent a burst that it has not counted yet.
  check_balance "$(/usr/bin/python3 -c 'import json, sys
sent, received = (json.load(open(path)) for path in sys.argv[1:3])
print(sent["sent"] - received["received"] + 32 * int(sys.argv[3]))' "$WORK/sent.json" "$WORK/received.json" \
    "$(grep -c 'data plane killed\|one killed' "$WORK/events" || true)")"
}
