# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A small network with a splitter on one arm, for end-to-end tests and the demo. Source it after lib.sh.
#
#   client ----+
#              +---- switch (a bridge) ---- splitter (two queues): belkad, XDP, belka-dataplane
#   backends --+
#
#   lab prod-1 prod-2 canary-1        # makes it; the backends are 10.77.0.11, .12, ... and fd00:77::11, ...
#   start_dataplane splitter --interface=eth0
#   start_nginx prod-1                # answers with its name at every VIP
#   check_balance                     # in = sum of verdicts, by plane
#   packets_of dpdk forwarded_l2      # what a plane counted
#   carried_by dpdk ROUND...          # ROUND's packets went through that plane
#
# VIPs are of 192.0.2.0/24 and 2001:db8:77::/64. The client reaches them through the splitter; the
# backends have them on lo and answer the client directly. The splitter's side of the switch carries
# 1,600 bytes, the client's 1,500: what ipip adds has room. Everything runs on CPU 0, which leaves the
# data plane (CPU 1) a core of its own.
LAB_CLIENT_V4=10.77.0.1
LAB_CLIENT_V6=fd00:77::1
LAB_SPLITTER_V4=10.77.0.2
LAB_SPLITTER_V6=fd00:77::2
LAB_VIPS_V4="192.0.2.10 192.0.2.20"
LAB_VIPS_V6="2001:db8:77::10 2001:db8:77::20"
LAB_QUEUES=2
LAB_MTU_BYTES=1600
LAB_CORE=$(($(nproc) > 1 ? 1 : 0))
DATAPLANE_PID=
DATAPLANE_LOCKS=()

lab_address_v4() { echo "10.77.0.$((10 + $1))"; }
lab_address_v6() { echo "fd00:77::$((10 + $1))"; }

make_switch() {
  make_ns switch
  in_ns switch sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
  # Where the machine hands bridged packets to its firewall, not here.
  in_ns switch sysctl -qew net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0 \
    net.bridge.bridge-nf-call-arptables=0 2>/dev/null || true
  ip -n "$(ns switch)" link add bridge type bridge forward_delay 0 mcast_snooping 0
  ip -n "$(ns switch)" link set bridge up
}

# plug NAME MTU V4 V6: the port of the switch has the name of what is plugged in. What leaves the port
# for the data plane's core is handled on the other one: the lcore is not to work for the backends.
plug() {
  local name=$1 mtu=$2 v4=$3 v6=$4
  make_ns "$name"
  make_veth "$name" eth0 switch "$name" "$LAB_QUEUES"
  ip -n "$(ns switch)" link set "$name" mtu "$mtu" master bridge
  ip -n "$(ns "$name")" link set eth0 mtu "$mtu"
  address "$name" eth0 "$v4/24"
  address "$name" eth0 "$v6/64"
}

keep_switch_off_the_core() {
  local queue
  for queue in $(seq 0 $((LAB_QUEUES - 1))); do
    # The one use of `ip netns exec`: it shows the /sys of the namespace.
    ip netns exec "$(ns switch)" sh -c "echo 1 >/sys/class/net/splitter/queues/rx-$queue/rps_cpus" || true
  done
}

make_backend() {
  local name=$1 number=$2 vip
  plug "$name" "$LAB_MTU_BYTES" "$(lab_address_v4 "$number")" "$(lab_address_v6 "$number")"
  # A VIP on lo is not for the neighbours to know.
  in_ns "$name" sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2 \
    net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0
  for vip in $LAB_VIPS_V4; do address "$name" lo "$vip/32"; done
  for vip in $LAB_VIPS_V6; do address "$name" lo "$vip/128"; done
  ip -n "$(ns "$name")" link set dev eth0 xdp object "$BELKA_BUILD/tests/e2e/decapsulate.bpf.o" section xdp
}

# lab BACKEND...
lab() {
  local name number=0
  taskset -pc 0 $$ >/dev/null
  make_switch
  plug client 1500 "$LAB_CLIENT_V4" "$LAB_CLIENT_V6"
  plug splitter "$LAB_MTU_BYTES" "$LAB_SPLITTER_V4" "$LAB_SPLITTER_V6"
  receive_xdp switch splitter
  [ "$LAB_CORE" = 0 ] || keep_switch_off_the_core
  for name in "$@"; do
    number=$((number + 1))
    make_backend "$name" "$number"
  done
  ip -n "$(ns client)" route add 192.0.2.0/24 via "$LAB_SPLITTER_V4"
  ip -n "$(ns client)" route add 2001:db8:77::/64 via "$LAB_SPLITTER_V6"
}

dataplane_started() {
  grep -q 'belka-dataplane: ready' "$WORK/dataplane.log" && return
  kill -0 "$DATAPLANE_PID" 2>/dev/null || return 0
  return 1
}

# Its core is to be its own, also on a machine that does other things: where the scheduler shares out
# the time by sessions, nice counts inside of one alone, and the session has a nice value of its own.
favour() {
  local tries
  for tries in {1..100}; do
    [ "$(ps -o sid= -p "$1" | tr -d ' ')" != "$1" ] || break
    sleep 0.01
  done
  if [ -w "/proc/$1/autogroup" ] && [ "$tries" -lt 100 ]; then echo -20 >"/proc/$1/autogroup"; fi
}

# start_dataplane NAMESPACE FLAG...   its log is $WORK/dataplane.log
start_dataplane() {
  local name=$1
  shift
  # The shell runs on CPU 0 alone; a lcore goes where --cores says.
  background "$name" setsid nice -n -20 "$BELKA_BUILD/belka-dataplane" "--pins=$PINS" "--file_prefix=$(ns dpdk)" "$@" \
    2>"$WORK/dataplane.log"
  DATAPLANE_PID=$LAST_PID
  DATAPLANE_LOCKS+=("$(printf '/run/belka/dataplane-%s-%x.lock' "$(stat -c %D "$PINS")" "$(stat -c %i "$PINS")")")
  disown "$DATAPLANE_PID" # bash is not to tell of its end
  favour "$DATAPLANE_PID"
  wait_for 20 "the data plane to be ready" dataplane_started
  grep -q 'belka-dataplane: ready' "$WORK/dataplane.log" ||
    fail "the data plane ended: $(tail -n 1 "$WORK/dataplane.log")"
  wait_for 5 "a heartbeat" eval "belkactl status -o json | grep -q '\"heartbeat\": \"fresh\"'"
}

# packets_of PLANE [VERDICT...]: that it received so far, or that had one of these verdicts
packets_of() {
  belkactl stats -o json | /usr/bin/python3 -c 'import json, sys
plane = next(each for each in json.load(sys.stdin)["planes"] if each["name"] == sys.argv[1])
print(sum(each["packets"] for each in plane["verdicts"] if each["name"] in sys.argv[2:])
      if sys.argv[2:] else plane["received"]["packets"])' "$@"
}

# carried_by PLANE ROUND...: PLANE forwards at least $LEAST packets in a run of ROUND, which sets it; how many is in $CARRIED.
# Where the machine takes the data plane's core away for longer than a heartbeat stays fresh, the XDP program forwards what
# comes meanwhile, as it is to: so there are five rounds for one without such a pause.
carried_by() {
  local plane=$1 round before
  shift
  for round in {1..5}; do
    before=$(packets_of "$plane" forwarded_l2 forwarded_ipip)
    "$@"
    CARRIED=$(($(packets_of "$plane" forwarded_l2 forwarded_ipip) - before))
    [ "$CARRIED" -lt "$LEAST" ] || return 0
    echo "round $round: the $plane plane forwarded $CARRIED packets, at least $LEAST are expected"
  done
  fail "in $round rounds the $plane plane never forwarded $LEAST packets"
}

is_gone() { ! kill -0 "$1" 2>/dev/null; }

# stop_dataplane [SIGNAL]
stop_dataplane() {
  kill "-${1:-TERM}" "$DATAPLANE_PID"
  wait_for 10 "the data plane to end" is_gone "$DATAPLANE_PID"
}

# What a killed data plane leaves outside of the work directory.
forget_dataplane() { rm -rf "/run/dpdk/$(ns dpdk)" "${DATAPLANE_LOCKS[@]}"; }
AT_EXIT+=(forget_dataplane)

# start_nginx BACKEND: a page with its name, a file of a megabyte, and a place to PUT files to
start_nginx() {
  local name=$1 home=$WORK/$1
  mkdir -p "$home/files" "$home/temp"
  cat >"$home/nginx.conf" <<CONF
daemon off;
worker_processes 1;
pid $home/nginx.pid;
user root;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path $home/temp/body;
  proxy_temp_path $home/temp/proxy;
  fastcgi_temp_path $home/temp/fastcgi;
  uwsgi_temp_path $home/temp/uwsgi;
  scgi_temp_path $home/temp/scgi;
  client_max_body_size 8m;
  server {
    listen 80 backlog=4096;
    listen [::]:80 backlog=4096;
    location / { return 200 "$name\n"; }
    location /files/ { root $home; dav_methods PUT; }
  }
}
CONF
  background "$name" nginx -e stderr -c "$home/nginx.conf" -p "$home" 2>"$WORK/nginx-$name.log"
  wait_for 10 "nginx of $name" in_ns "$name" curl -sf "http://127.0.0.1/"
}

# Every packet ended in one verdict, in each plane; what XDP handed over is what the data plane got, but
# for what the sockets say they dropped. check_balance [LOST]: so many more may be gone with a socket.
check_balance() {
  "$(dirname "${BASH_SOURCE[0]}")/balance.py" "$SOCKET" "/run/dpdk/$(ns dpdk)" "${1:-0}" ||
    fail "packets are missing from the counters"
}
