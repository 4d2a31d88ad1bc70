#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each call of bpf(2) that belkad makes while it starts fails once: it ends with one sentence and leaves
# nothing behind, or goes on without what it asked for.
# beside others: 90
# timeout: 600
#
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

command -v strace >/dev/null || skip "no strace, which makes calls fail"
make_ns splitter other
make_veth splitter eth0 other eth0
need_bpffs
printf 'seed_file: %s/seed\nservices: []\n' "$WORK" >"$WORK/web.yaml"

start_with() { # STRACE-FLAG...: until it ended, or is ready; $STATUS is its exit code, or ready
  rm -f "$WORK/trace" "$WORK/belkad.log"
  # shellcheck disable=SC2046  # flags without blanks
  background splitter strace -qq -D -f -o "$WORK/trace" -e trace=bpf "$@" "$BELKA_BUILD/belkad" \
    $(belkad_flags) --interface=eth0 --config="$WORK/web.yaml" 2>"$WORK/belkad.log"
  BELKAD_PID=$LAST_PID
  # Where BTF cannot be loaded the verifier proves every function at every call, and gives up after
  # half a minute.
  wait_for 120 "belkad to start or to end" belkad_started
  STATUS=ready
  belkad_is_ready && return
  STATUS=0
  wait "$BELKAD_PID" || STATUS=$?
}
attached() { has_xdp splitter eth0; }
uninstall() { "$BELKA_BUILD/belkad" --uninstall "--pins=$PINS" 2>/dev/null; }

start_with
[ "$STATUS" = ready ] || fail "it does not start under strace: $STATUS"
calls=$(grep -c 'bpf(' "$WORK/trace")
# Those that load the BTF of a whole object; each that fails costs half a minute of the verifier. Of the
# same ones `make test` lets one fail, `make soak` all.
mapfile -t costly < <(grep 'bpf(' "$WORK/trace" | awk '/BPF_BTF_LOAD/ && match($0, /btf_size=[0-9]+/) &&
  substr($0, RSTART + 9, RLENGTH - 9) + 0 >= 4096 {print NR}')
[ "${#costly[@]}" -gt 0 ] || fail "no call loads BTF"
native=$(grep 'bpf(' "$WORK/trace" | awk '/BPF_LINK_CREATE/ {print NR; exit}')
left_out=" ${costly[*]:1} "
[ "${BELKA_SOAK:-}" != 1 ] || left_out=
stop_belkad
uninstall

# As drivers do that have no memory for a transmit ring for each of many CPUs.
start_with -e inject=bpf:error=ENOMEM:when="$native"
[ "$STATUS" = ready ] || fail "native XDP refused with ENOMEM ends the start: $(cat "$WORK/belkad.log")"
grep -q "eth0: attached (generic XDP, link .*the driver refuses native XDP (Cannot allocate memory)" "$WORK/belkad.log" ||
  fail "the log does not say why XDP is generic: $(cat "$WORK/belkad.log")"
pass_on "native XDP refused with ENOMEM falls back to generic"
stop_belkad
uninstall
refused=0
survived=0
for ((number = 1; number <= calls; number++)); do
  [[ $left_out != *" $number "* ]] || continue
  start_with -e inject=bpf:error=ENOMEM:when="$number"
  if [ "$STATUS" = ready ]; then
    survived=$((survived + 1))
    attached || fail "ready, but not attached, when call $number fails"
    stop_belkad
    uninstall
    continue
  fi
  refused=$((refused + 1))
  [ "$STATUS" = 1 ] || fail "exit code $STATUS when call $number of bpf fails"
  grep -q '^belkad: ' "$WORK/belkad.log" || fail "no sentence when call $number of bpf fails"
  [ ! -e "$PINS" ] || fail "pins are left when call $number of bpf fails: $(ls "$PINS")"
  ! attached || fail "attached when call $number of bpf fails"
done
echo "figure: of $calls calls of bpf, $refused end the start when they fail, $survived do not," \
  "$((calls - refused - survived)) that load BTF are left to make soak"
pass_on "each call of bpf failing ends in a clean exit, or is survived"
