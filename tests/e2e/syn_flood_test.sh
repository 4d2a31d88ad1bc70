#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A flood of SYNs from spoofed sources, each of a new tuple, half of them into opening slots, in each plane: all tables keep
# their size, real connections that are begun meanwhile succeed, and those from before live on.
#
#   live frames --> splitter --> the switch's port: counts by MAC and drops what was spoofed
#   client ---------> switch --> splitter --> switch --> backends
#
# The backends see no flood: they are not what is tested. The XDP program gets as many as the kernel makes (it works in the
# same context, so no queue fills up); a data plane on veth is fed from sockets, whose queues overflow beyond its rate, so it
# gets bursts that they can hold.
# timeout: 1800
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lab.sh
. "$(dirname "$0")/lab.sh"

HERE=$(dirname "$0")
XDP_SYNS=$([ "${BELKA_SOAK:-}" = 1 ] && echo 10000000 || echo 4000000) # a second or two
DPDK_SYNS=$([ "${BELKA_SOAK:-}" = 1 ] && echo 10000000 || echo 1000000)
XDP_BURST=100000
DPDK_BURST=1500 # its queue holds 2,048
CONNECTIONS=$([ "${BELKA_SOAK:-}" = 1 ] && echo 1000 || echo 100)
CONNECTIONS_A_SECOND=20
HELD=$([ "${BELKA_SOAK:-}" = 1 ] && echo 1000 || echo 100)
SLOTS=65536
LOOKS_MOST=500 # at what is going on
FLOOD=$(dirname "$PINS")/flood # pins of the flood's programs
export WORK

write_service() {
  cat <<YAML
  - name: $1
    vip: $2
    port: 7
    protocol: tcp
    idle: {tcp: 16s}
    slots: $SLOTS
    forward: l2
    pools:
      prod: {backends: [$(lab_address_v4 1), $(lab_address_v4 2)]}
      canary: {backends: [$(lab_address_v4 3)]}
    split: {canary: 0%}
YAML
}

map_of() {
  bpftool -j prog show pinned "$FLOOD/$1" |
    /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["map_ids"][0])'
}

prepare_flood() {
  local splitter_port
  bpftool prog loadall "$BELKA_BUILD/tests/e2e/syn_flood.bpf.o" "$FLOOD" 2>"$WORK/bpftool.log" || fail "the flood's programs"
  bpftool map pin id "$(map_of flood)" "$FLOOD/aim"
  bpftool map pin id "$(map_of sink)" "$FLOOD/arrived"
  in_ns switch ip link set dev splitter xdp off
  in_ns switch bpftool net attach xdpdrv pinned "$FLOOD/sink" dev splitter
  "$HERE/syn_flood.py" expect "$FLOOD" "$(mac_of prod-1 eth0)" "$(mac_of prod-2 eth0)" "$(mac_of canary-1 eth0)"
  splitter_port=$(ip -n "$(ns switch)" -o link show dev splitter)
  SPLITTER_PORT=${splitter_port%%:*}
}

drains_of() {
  belkactl get drains -o json | /usr/bin/python3 -c 'import json, sys
drains = json.load(sys.stdin)
print(next((s["opening"] for s in drains["services"] if s["name"] == sys.argv[1]), 0), drains["pins"],
      drains["pins_refused"])' "$1"
}

# More than two thirds of the half that moves. After a drain the way back opens the same slots again.
keep_opening() {
  local opening pins refused
  read -r opening pins refused < <(drains_of "$1")
  LOOKS=$((LOOKS + 1))
  OPENING_SUM=$((OPENING_SUM + opening))
  [ "$opening" -ge $((SLOTS / 3)) ] || open_half "$1"
  [ "$pins" -le "$MOST_PINS" ] || MOST_PINS=$pins
  REFUSED=$refused
}

open_half() {
  CANARY=$((50 - CANARY))
  belkactl split "$1" "canary=$CANARY%" >/dev/null
}

begin_flood() {
  local burst=$1 vip=$2
  nsenter --net="/run/netns/$(ns switch)" -- taskset -c "0-$LAB_CORE" "$HERE/syn_flood.py" flood "$FLOOD" \
    "$SPLITTER_PORT" "$(mac_of splitter eth0)" "$(mac_of client eth0)" "$vip" 7 "$burst" >"$WORK/flooded.json" &
  FLOODER=$!
  PIDS+=("$FLOODER")
}

end_flood() {
  kill -0 "$FLOODER" || fail "the flood ended by itself"
  kill "$FLOODER"
  wait "$FLOODER" || fail "the flood failed"
}

# The kernel's word for the maps of all that has them; the processes may touch a page for the first time.
check_memory() {
  local maps=$1 resident=$2 maps_now resident_now
  read -r maps_now resident_now < <("$HERE/tables_memory.py" "${HOLDERS[@]}")
  echo "figure: $3: tables $maps KiB before and $maps_now KiB in the flood, resident $resident and $resident_now KiB"
  [ "$maps_now" = "$maps" ] || fail "the tables grew"
  [ $((resident_now - resident)) -lt 4096 ] || fail "the processes grew by $((resident_now - resident)) KiB"
}

begin_held() {
  rm -f "$WORK/ready"
  background client "$HERE/echo_many.py" hold "$1" 7 "$HELD" "$WORK/ready" >"$WORK/held.json"
  HOLDER=$LAST_PID
  wait_for 60 "all long-lived connections" test -s "$WORK/ready"
}

end_held() {
  local status=0
  kill "$HOLDER"
  wait "$HOLDER" || status=$?
  [ "$status" = 0 ] || fail "$1: $(cat "$WORK/held.json")"
  echo "figure: $1, the long-lived: $(cat "$WORK/held.json")"
}

flooded_enough() { [ $(($(packets_of "$1") - $2)) -ge "$3" ]; }

# flood_plane PLANE SERVICE VIP SYNS BURST
flood_plane() {
  local plane=$1 service=$2 vip=$3 syns=$4 burst=$5 before maps resident refused_before tries
  CANARY=0 LOOKS=0 OPENING_SUM=0 MOST_PINS=0 REFUSED=0
  begin_held "$vip"
  open_half "$service"
  keep_opening "$service"
  refused_before=$REFUSED
  read -r maps resident < <("$HERE/tables_memory.py" "${HOLDERS[@]}")
  before=$(packets_of "$plane")
  begin_flood "$burst" "$vip"
  wait_for 30 "the flood to begin" flooded_enough "$plane" "$before" 10000
  background client "$HERE/echo_once.py" "$vip" 7 "$CONNECTIONS" "$CONNECTIONS_A_SECOND" >"$WORK/once.json"
  for ((tries = 0; tries < LOOKS_MOST; tries++)); do
    keep_opening "$service"
    if is_gone "$LAST_PID" && flooded_enough "$plane" "$before" "$syns"; then break; fi
    sleep 1
  done
  check_memory "$maps" "$resident" "$plane"
  end_flood
  wait "$LAST_PID" || fail "$plane: not all real connections succeeded: $(cat "$WORK/once.json")"
  echo "figure: $plane: flooded with $(cat "$WORK/flooded.json"), the plane got $(($(packets_of "$plane") - before))," \
    "$((OPENING_SUM * 100 / LOOKS / SLOTS)) % of the slots opening, at most $MOST_PINS pins at a sweep," \
    "$((REFUSED - refused_before)) pins refused"
  echo "figure: $plane: real connections: $(cat "$WORK/once.json")"
  [ "$tries" -lt "$LOOKS_MOST" ] || fail "$plane: only $(($(packets_of "$plane") - before)) SYNs came in time"
  [ $((OPENING_SUM * 100 / LOOKS / SLOTS)) -ge 40 ] || fail "$plane: too few slots were opening"
  REFUSED=$((REFUSED - refused_before))
  end_held "$plane"
  pass_on "$plane: $CONNECTIONS of $CONNECTIONS real connections succeeded in the flood, none of $HELD long-lived was lost"
}

# All that came in went out again: the sink has counted it, by MAC.
check_arrived() {
  local sent arrived
  sent=$(cat "$WORK"/flooded.*.json | /usr/bin/python3 -c 'import json, sys
print(sum(json.loads(line)["sent"] for line in sys.stdin))')
  arrived=$("$HERE/syn_flood.py" arrived "$FLOOD")
  echo "figure: of $sent SYNs the neighbours got $arrived"
  /usr/bin/python3 -c 'import json, sys
arrived = sum(json.loads(sys.argv[2]).values())
sys.exit(not 0.5 * int(sys.argv[1]) < arrived <= int(sys.argv[1]))' "$sent" "$arrived" || fail "more came out than went in, or not half of it"
}

lab prod-1 prod-2 canary-1
for name in prod-1 prod-2 canary-1; do
  background "$name" "$HERE/echo_many.py" serve "$name" 7
  wait_for 10 "the server $name" eval "in_ns $name ss -Hltn | grep -q ':7 '"
done
{
  echo "seed_file: $WORK/seed"
  echo "tick: 2s"
  echo "services:"
  write_service in-xdp 192.0.2.10
  write_service in-dpdk 192.0.2.20
} >"$WORK/belka.yaml"
start_belkad splitter --interface=eth0 --config="$WORK/belka.yaml"
wait_for 10 "the backends' MACs" all_resolved
prepare_flood

HOLDERS=("$BELKAD_PID")
flood_plane xdp in-xdp 192.0.2.10 "$XDP_SYNS" "$XDP_BURST"
mv "$WORK/flooded.json" "$WORK/flooded.1.json"
[ "$REFUSED" -gt 0 ] || fail "the flood filled no bucket, so nothing was shown of refusals"
belkactl stats | grep ' pins refused' || fail "refused pins are not in the statistics"
start_dataplane splitter --interface=eth0 --cores="$LAB_CORE"
HOLDERS+=("$DATAPLANE_PID")
flood_plane dpdk in-dpdk 192.0.2.20 "$DPDK_SYNS" "$DPDK_BURST"
mv "$WORK/flooded.json" "$WORK/flooded.2.json"
check_arrived
check_balance 0
