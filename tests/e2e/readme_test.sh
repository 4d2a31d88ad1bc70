#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# README's configuration is valid and in force, and its commands print what README shows.
# `tests/e2e/readme_test.sh write` puts into README what they print now.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

VERB=${1:-check}
DIRECTORY=$WORK/readme
README_PY=$PWD/tests/e2e/readme.py

# Commands for the daemon of this test: README's have no --socket.
write_belkactl() {
  cat >"$WORK/bin/belkactl" <<EOF
#!/bin/bash
case "\$*" in
  *--tables=* | *--config* | check* | tables*) exec "$BELKA_BUILD/belkactl" "\$@" ;;
  *) exec "$BELKA_BUILD/belkactl" "--socket=$SOCKET" "\$@" ;;
esac
EOF
  chmod +x "$WORK/bin/belkactl"
  ln -s "$BELKA_BUILD/belka-dataplane" "$WORK/bin/belka-dataplane"
}

need_root
need_bpffs
mkdir -p "$DIRECTORY" "$WORK/bin"
write_belkactl
/usr/bin/python3 -c 'import sys; sys.stdout.buffer.write(bytes(range(32)))' >"$WORK/seed"
chmod 600 "$WORK/seed"
echo "seed_file: $WORK/seed" >"$DIRECTORY/web.yaml"
/usr/bin/python3 "$README_PY" config "$DIRECTORY/web.yaml"
cp tests/captures/http.pcap "$DIRECTORY/in.pcap"
make_ns client splitter
make_veth client eth0 splitter eth0
start_belkad splitter --interface=eth0 --config="$DIRECTORY/web.yaml"
PATH=$WORK/bin:$PATH /usr/bin/python3 "$README_PY" "$VERB" "$DIRECTORY" || fail "README shows something else"
