#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Real HTTP, nginx and curl, through l2 and ipip (4in4, 6in6), for IPv4 and IPv6, in both planes: every
# response is right, the shares are plausible, and no packet is missing from the counters.
# timeout: 180
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/lab.sh
. "$(dirname "$0")/lab.sh"

REQUESTS=200
SERVICES="l2-v4 l2-v6 ipip-v4 ipip-v6"
! is_brief || SERVICES=ipip-v6
declare -A VIP=([l2-v4]=192.0.2.10 [ipip-v4]=192.0.2.20
  [l2-v6]=2001:db8:77::10 [ipip-v6]=2001:db8:77::20)

write_service() {
  local name=$1 make_address=lab_address_${1#*-}
  cat <<YAML
  - name: $name
    vip: "${VIP[$name]}"
    port: 80
    protocol: tcp
    forward: ${name%-*}
    pools:
      prod: {backends: ["$($make_address 1)"]}
      canary: {backends: ["$($make_address 2)"]}
      baseline: {backends: ["$($make_address 3)"]}
    split: {canary: 25%, baseline: match}
YAML
}

url_host() { case ${VIP[$1]} in *:*) echo "[${VIP[$1]}]" ;; *) echo "${VIP[$1]}" ;; esac; }

fetch() { in_ns client curl -sS --fail --globoff --max-time 10 "$@"; }

# fresh_connections SERVICE: the answers of so many requests, each on a connection of its own
fresh_connections() {
  local host i
  host=$(url_host "$1")
  for ((i = 0; i < REQUESTS; i++)); do printf 'url = "http://%s/"\n' "$host"; done |
    fetch -H 'Connection: close' --config - | sort | uniq -c
}

# About half, a quarter, a quarter: 5 sigma of so many draws are 35 and 31.
check_shares() {
  local service=$1 plane=$2 prod=0 canary=0 baseline=0 count name
  while read -r count name; do
    case $name in prod) prod=$count ;; canary) canary=$count ;; baseline) baseline=$count ;;
      *) fail "$service: an answer that no backend gives: $name" ;;
    esac
  done < <(fresh_connections "$service")
  [ $((prod + canary + baseline)) = "$REQUESTS" ] || fail "$service, $plane: not $REQUESTS answers"
  ((prod >= 65 && prod <= 135 && canary >= 19 && canary <= 81 && baseline >= 19 && baseline <= 81)) ||
    fail "$service, $plane: the shares are off: prod $prod, canary $canary, baseline $baseline"
  pass_on "$service, $plane: $prod prod, $canary canary, $baseline baseline"
}

UPLOADS=0
# What goes up comes through the splitter in full-sized packets; what comes down does not.
check_upload() {
  local service=$1 name
  UPLOADS=$((UPLOADS + 1)) # another name each time: it may come to any backend
  name=upload-$2-$1-$UPLOADS
  fetch -T "$WORK/upload" "http://$(url_host "$service")/files/$name" || fail "$service: the upload"
  cmp -s "$WORK/upload" "$(ls "$WORK"/*/files/"$name")" || fail "$service, $2: the upload came out different"
}

# A request is at least four packets.
check_services() {
  local plane=$1 service
  LEAST=$(($(wc -w <<<"$SERVICES") * 4 * REQUESTS * 8 / 10))
  for service in $SERVICES; do
    check_shares "$service" "$plane"
    check_upload "$service" "$plane"
    check_balance 0
  done
}

check_plane() {
  carried_by "$1" check_services "$1"
  pass_on "$1 forwarded $CARRIED packets; in = sum of verdicts in both planes"
}

lab prod canary baseline
for name in prod canary baseline; do start_nginx "$name"; done
head -c 300000 /dev/urandom >"$WORK/upload"
{
  echo "seed_file: $WORK/seed"
  echo "services:"
  for name in $SERVICES; do write_service "$name"; done
} >"$WORK/belka.yaml"
start_belkad splitter --interface=eth0 --config="$WORK/belka.yaml"
wait_for 10 "the backends' MACs" all_resolved

check_plane xdp
start_dataplane splitter --interface=eth0 --cores="$LAB_CORE"
check_plane dpdk
stop_dataplane TERM
check_shares "${SERVICES##* }" "xdp again"
check_balance 0
