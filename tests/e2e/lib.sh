# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For tests in network namespaces: source it first. It makes a work directory, and removes on exit,
# also after a signal, whatever its functions made: processes, namespaces, mounts, files.
#
#   . "$(dirname "$0")/lib.sh"
#   make_ns client splitter                     # $(ns client): the name that `ip -n` takes
#   make_veth client eth0 splitter eth0 [QUEUES]  # up, offloads off
#   address client eth0 10.0.0.1/24
#   receive_xdp client eth0                     # so that XDP_TX of the other end arrives here
#   start_belkad splitter --interface=eth0 --config="$WORK/web.yaml"   # waits until it is ready
#   in_ns client ping ...                       # runs in it; /sys and the bpffs stay as they are
#   background client python3 server.py         # $LAST_PID; stopped on exit
#   wait_for 5 "the server" test -s "$WORK/x"   # polls; fails the test after 5 s
#   fail "why"; skip "why"; pass_on "what was shown"
#
# $WORK is a private directory, $PINS the pins of the daemon in a bpffs of its own, $SOCKET and
# $STATE its others; $BELKA_BUILD has the programs. bpffs is mounted by need_bpffs.
set -euo pipefail

BELKA_BUILD=${BELKA_BUILD:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/build/release}
export BELKA_BUILD
export PATH=$PATH:/usr/sbin:/sbin
WORK=
PINS=
SOCKET=
STATE=
LAST_PID=
BELKAD_PID=
PIDS=()
NAMESPACES=()
MOUNTS=()
AT_EXIT=() # functions, called last

fail() {
  echo "FAIL: $*" >&2
  [ -z "$WORK" ] || ! ls "$WORK"/*.log >/dev/null 2>&1 || tail -n 30 "$WORK"/*.log >&2
  exit 1
}

# The reason is the last line of what the test prints.
skip() {
  echo "$*"
  exit 77
}

pass_on() { echo "ok: $*"; }

# Asks, then insists. It never waits for a process that is not ours.
stop_pid() {
  local pid=$1 tries
  kill -TERM "$pid" 2>/dev/null || return 0
  kill -CONT "$pid" 2>/dev/null || true
  for tries in {1..50}; do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  [ "$tries" -lt 50 ] || kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
}

# The number of one that has been waited for may be another's by now.
is_child() { grep -qsE "^PPid:[[:space:]]+$$\$" "/proc/$1/status"; }

cleanup() {
  local status=$? pid name place
  trap '' INT TERM HUP
  set +e
  for pid in "${PIDS[@]}"; do
    if is_child "$pid"; then stop_pid "$pid"; fi
  done
  for name in "${NAMESPACES[@]}"; do ip netns del "$name" 2>/dev/null; done
  for place in "${MOUNTS[@]}"; do umount -l "$place" 2>/dev/null; done
  for name in "${AT_EXIT[@]}"; do "$name"; done
  [ -z "$WORK" ] || rm -rf --one-file-system "$WORK"
  trap - EXIT
  exit "$status"
}

ns() { echo "belka-$$-$1"; }

make_ns() {
  local name
  for name in "$@"; do
    NAMESPACES+=("$(ns "$name")")
    ip netns add "$(ns "$name")"
    ip -n "$(ns "$name")" link set lo up
    in_ns "$name" sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0
  done
}

# `ip netns exec` would mount another /sys, without the pins.
in_ns() {
  local name
  name=$(ns "$1")
  shift
  nsenter --net="/run/netns/$name" -- "$@"
}

# Unfinished checksums and merged packets are what a wire never carries. IPv6 multicast chatter is
# kept away by nothing: tests count what they sent.
make_veth() {
  local first=$1 first_if=$2 second=$3 second_if=$4 queues=${5:-1} end name interface
  ip link add "$first_if" netns "$(ns "$first")" numrxqueues "$queues" numtxqueues "$queues" \
    type veth peer name "$second_if" netns "$(ns "$second")" \
    numrxqueues "$queues" numtxqueues "$queues"
  for end in "$first $first_if" "$second $second_if"; do
    read -r name interface <<<"$end"
    in_ns "$name" ethtool -K "$interface" tx off rx off tso off gso off gro off \
      rxvlan off txvlan off >/dev/null 2>&1 || true
    ip -n "$(ns "$name")" link set "$interface" up
  done
}

address() { ip -n "$(ns "$1")" address add "$3" dev "$2"; }

mac_of() { ip -n "$(ns "$1")" -o link show dev "$2" | sed -n 's/.*link\/ether \([0-9a-f:]*\).*/\1/p'; }

# XDP_TX on a veth reaches its peer only where the peer has an XDP program of its own.
receive_xdp() {
  in_ns "$1" ip link set dev "$2" xdp object "$BELKA_BUILD/tests/e2e/xdp_pass.bpf.o" section xdp
}

# A simple command, not in_ns: then nsenter becomes the program, and $! is its process.
background() {
  local name
  name=$(ns "$1")
  shift
  nsenter --net="/run/netns/$name" -- "$@" &
  LAST_PID=$!
  PIDS+=("$LAST_PID")
}

# The limit is for a machine of its own speed; $BELKA_PATIENCE times as long is waited on an emulated one, where each
# look is dear ($BELKA_POLL_S).
wait_for() {
  local seconds=$(($1 * ${BELKA_PATIENCE:-1})) what=$2 deadline
  shift 2
  deadline=$(($(date +%s%N) + seconds * 1000000000))
  until "$@" >/dev/null 2>&1; do
    [ "$(date +%s%N)" -lt "$deadline" ] || fail "waited $seconds s for $what"
    sleep "${BELKA_POLL_S:-0.05}"
  done
}

# sized EMULATED USUAL SOAK: the one of these for this run
sized() {
  if [ "${BELKA_SOAK:-}" = 1 ]; then
    echo "$3"
  elif [ "${BELKA_EMULATED:-}" = 1 ]; then
    echo "$1"
  else
    echo "$2"
  fi
}

# Whether only what depends on the kernel is wanted, and of forms alike one.
is_brief() { [ "${BELKA_BRIEF:-}" = 1 ]; }

need_root() {
  [ "$(id -u)" = 0 ] || skip "needs root to make network namespaces"
}

need_bpffs() {
  ! mountpoint -q "$(dirname "$PINS")" || return 0
  mkdir -p "$(dirname "$PINS")"
  mount -t bpf bpf "$(dirname "$PINS")" || skip "this machine cannot mount a bpffs"
  MOUNTS+=("$(dirname "$PINS")")
}

# $BELKA_HEARTBEAT: on a machine whose cores are away for longer than a millisecond as a rule.
belkad_flags() {
  echo "--pins=$PINS" "--socket=$SOCKET" "--state=$STATE" ${BELKA_HEARTBEAT:+"--heartbeat=$BELKA_HEARTBEAT"}
}

belkad_is_ready() { grep -q 'belkad is ready' "$WORK/belkad.log"; }

belkad_started() {
  belkad_is_ready && return
  kill -0 "$BELKAD_PID" 2>/dev/null || return 0
  return 1
}

# start_belkad NAMESPACE FLAG...   ($BELKAD where it is set); its log is $WORK/belkad.log (of earlier starts: belkad.N.log)
start_belkad() {
  local name=$1 number=0
  shift
  need_bpffs
  while [ -e "$WORK/belkad.$number.log" ]; do number=$((number + 1)); done
  [ ! -e "$WORK/belkad.log" ] || mv "$WORK/belkad.log" "$WORK/belkad.$number.log"
  # shellcheck disable=SC2046  # flags without blanks
  background "$name" "${BELKAD:-$BELKA_BUILD/belkad}" $(belkad_flags) "$@" 2>"$WORK/belkad.log"
  BELKAD_PID=$LAST_PID
  wait_for 60 "belkad to be ready" belkad_started
  belkad_is_ready || fail "belkad ended: $(tail -n 1 "$WORK/belkad.log")"
}

# What it attached stays.
stop_belkad() { end_belkad TERM; }
kill_belkad() { end_belkad KILL; }

end_belkad() {
  kill "-$1" "$BELKAD_PID"
  wait_for 20 "belkad to end" eval "! kill -0 $BELKAD_PID"
  wait "$BELKAD_PID" 2>/dev/null || true
}

# has_xdp NAMESPACE INTERFACE   (bpftool would list the links of every namespace)
has_xdp() { [[ "$(ip -n "$(ns "$1")" link show dev "$2")" == *" prog/xdp "* ]]; }

# belkactl WORD...   asks the daemon that start_belkad started
belkactl() { "$BELKA_BUILD/belkactl" "--socket=$SOCKET" "$@"; }

nothing_drains() { [[ $(belkactl get drains) == "nothing drains"* ]]; }

# The next hops of all backends are known. (grep -q would end while belkactl writes, and the pipe fail.)
all_resolved() {
  local backends
  backends=$(belkactl get backends -o json) && [[ $backends != *unresolved* ]]
}

# expect_refusal "pattern" COMMAND...: it must exit with 1, and one line of it must match
expect_refusal() {
  local pattern=$1 status=0
  shift
  timeout 20 "$@" >"$WORK/refusal.log" 2>&1 || status=$?
  [ "$status" = 1 ] || fail "exit code $status instead of 1 from: $*"
  grep -qE -- "$pattern" "$WORK/refusal.log" || fail "no '$pattern' in what this said: $*"
  [ "$(grep -c '^belkad: ' "$WORK/refusal.log")" = 1 ] || fail "not one sentence from: $*"
  sed -n 's/^belkad: /      /p' "$WORK/refusal.log"
}

need_root
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
WORK=$(mktemp -d "${TMPDIR:-/tmp}/belka-test.XXXXXX")
chmod 0755 "$WORK"
PINS=$WORK/bpf/belka
SOCKET=$WORK/belkad.sock
STATE=$WORK/state
