#!/usr/bin/env bash
# Everything that needs Temporal's own software: the histories that it records, and small programs
# with its SDKs in four languages, each running the same cases (cases.txt) against a server.
#
#   tests/interop/run.sh [histories|python|typescript|go|java]…
#
# STEADFAST_INTEROP_SERVER=steadfast (the default) or real: whose server the programs run against.
# `real` is Temporal's development server (and its time-skipping test server): it proves the programs.
# STEADFAST_INTEROP_ONLY=CASE,… runs only these cases; STEADFAST_INTEROP_BINARY=PATH takes an executable
# that is there instead of building one.
#
# What the server cannot do yet is listed in expected.toml, and nothing else may fail. A registry
# that cannot be reached is a skip, said aloud with its reason; anything else that fails, fails.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cargo_target=${CARGO_TARGET_DIR:-$root/target}
target=$cargo_target/interop
logs=$target/logs
server=${STEADFAST_INTEROP_SERVER:-steadfast}
languages=(python typescript go java)
mkdir -p "$logs"

say() { echo "interop: $*" >&2; }
die() {
    say "$*"
    exit 1
}

# fetched URL WHAT COMMAND…: runs the command; 75 if it fails and the registry cannot be reached.
fetched() {
    local url=$1 what=$2 log
    log=$logs/fetch-$2.txt
    shift 2
    "$@" >"$log" 2>&1 && return
    tail -n 10 "$log" >&2
    if curl --silent --show-error --output /dev/null --max-time 20 --retry 2 "$url"; then
        die "$what: $url can be reached, and yet this failed: $*"
    fi
    say "SKIPPED, not passed: $what: $url cannot be reached"
    return 75
}

# changed STAMP FILE…: whether the files are others than when the stamp was made.
changed() {
    local stamp=$1
    shift
    ! sha256sum --check --status "$stamp" 2>/dev/null || [[ $(wc -l <"$stamp") != "$#" ]]
}

install_venv() { # NAME REQUIREMENTS
    local venv=$target/$1
    changed "$venv/stamp" "$2" || return 0
    rm -rf "$venv"
    python3 -m venv "$venv"
    fetched "${PIP_INDEX_URL:-https://pypi.org/simple/}" "$1" \
        "$venv/bin/pip" install --disable-pip-version-check -r "$2" || return
    sha256sum "$2" >"$venv/stamp"
}

# Each makes what its language needs, in $target; 75 if it cannot be fetched.
install_histories() { :; } # compare-histories.sh does
install_python() { install_venv venv-python "$here/python/requirements.txt"; }
install_typescript() {
    local out=$target/typescript
    mkdir -p "$out"
    cp "$here/typescript/"{package.json,package-lock.json,tsconfig.json} "$out"
    if changed "$out/stamp" "$here/typescript/package-lock.json"; then
        rm -f "$out/stamp"
        fetched "$(npm config get registry)" typescript \
            npm --prefix "$out" ci --ignore-scripts --no-audit --no-fund || return
        sha256sum "$here/typescript/package-lock.json" >"$out/stamp"
    fi
    rm -rf "$out/src" "$out/build"
    cp -r "$here/typescript/src" "$out/src"
    (cd "$out" && node_modules/.bin/tsc) || die "the TypeScript program does not compile"
}
install_go() {
    local proxy
    proxy=$(go env GOPROXY)
    (
        cd "$here/go"
        fetched "${proxy%%[,|]*}" go go mod download || exit
        go build -mod=readonly -o "$target/go/" ./... || die "the Go program does not compile"
    )
}
install_java() {
    fetched https://repo.maven.apache.org/maven2/ java \
        mvn --batch-mode --quiet --file "$here/java/pom.xml" -Dout="$target/java" \
        process-classes
}

# Each is what runs its language's program, without the options.
program_python() { program=("$target/venv-python/bin/python" "$here/python/main.py"); }
program_typescript() { program=(node "$target/typescript/build/main.js"); }
program_go() { program=("$target/go/interop"); }
program_java() {
    program=(java -XX:+UseSerialGC -XX:TieredStopAtLevel=1
        -cp "$target/java/classes:$(cat "$target/java/classpath.txt")" dev.steadfast.interop.Main)
}

free_port() {
    python3 -c 'import socket
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    print(s.getsockname()[1])'
}

server_pid=
stop_server() {
    [[ -n $server_pid ]] || return 0
    kill "$server_pid" 2>/dev/null || true
    wait "$server_pid" 2>/dev/null || true
    server_pid=
}
trap stop_server EXIT

# Starts the server under test; sets $address and $test_server.
start_server() {
    local executable options port
    port=$(free_port)
    address=127.0.0.1:$port
    options=(server start-dev --headless --ip 127.0.0.1 --port "$port" --log-level error
        --search-attribute CustomKeywordField=Keyword --search-attribute CustomIntField=Int)
    for language in "${languages[@]}"; do options+=(--namespace "interop-$language"); done
    case $server in
    real)
        install_venv venv-temporal "$here/requirements.txt" || return
        install_java || return
        executable=$target/venv-temporal/bin/temporal
        test_server=$target/real-test-server
        printf '#!/bin/sh\nexec java -XX:TieredStopAtLevel=1 -cp "%s" io.temporal.testserver.TestServer "$@"\n' \
            "$(cat "$target/java/classpath.txt")" >"$test_server"
        chmod +x "$test_server"
        ;;
    steadfast)
        executable=${STEADFAST_INTEROP_BINARY:-}
        if [[ -z $executable ]]; then
            (cd "$root" && cargo build --quiet --release --locked --bin steadfast) || die "it does not compile"
            executable=$cargo_target/release/steadfast
        fi
        test_server=$executable
        ;;
    *) die "STEADFAST_INTEROP_SERVER is \`steadfast\` or \`real\`, not \`$server\`" ;;
    esac
    "$executable" "${options[@]}" >"$logs/server.txt" 2>&1 &
    server_pid=$!
    for _ in $(seq 600); do
        (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return
        kill -0 "$server_pid" 2>/dev/null || break
        sleep 0.1
    done
    cat "$logs/server.txt" >&2
    die "the server did not start"
}

run_histories() { "$here/compare-histories.sh"; }

run_language() {
    local language=$1 began=$SECONDS program options status=0
    "program_$language"
    options=(--address "$address" --namespace "interop-$language"
        --out "$target/histories-$language" --test-server "$test_server")
    [[ -z ${STEADFAST_INTEROP_ONLY:-} ]] || options+=(--only "$STEADFAST_INTEROP_ONLY")
    rm -rf "$target/histories-$language"
    # Each case has a limit of its own; this one is for a program that does not end.
    timeout --kill-after=10 1200 "${program[@]}" "${options[@]}" \
        >"$logs/$language.txt" 2>"$logs/$language-errors.txt" || status=$?
    echo "exit $status after $((SECONDS - began)) s" >>"$logs/$language.txt"
    say "$language: $(tail -n 2 "$logs/$language.txt" | paste -sd ' ')"
}

wanted=("$@")
[[ $# -gt 0 ]] || wanted=(histories "${languages[@]}")
rm -f "$logs"/*.txt
chosen=()
for language in "${wanted[@]}"; do
    [[ " histories ${languages[*]} " == *" $language "* ]] || die "no such part: $language"
    status=0
    "install_$language" || status=$?
    case $status in
    0) ;;
    75) continue ;;
    *) exit "$status" ;;
    esac
    if [[ $language == histories ]]; then
        run_histories || status=$?
        case $status in
        0) ;;
        75) say "SKIPPED, not passed: histories: what it needs could not be fetched" ;;
        *) exit "$status" ;;
        esac
    else
        chosen+=("$language")
    fi
done
[[ ${#chosen[@]} -gt 0 ]] || exit 0

status=0
start_server || status=$?
if [[ $status == 75 ]]; then
    say "SKIPPED, not passed: ${chosen[*]}: there is no server"
    exit 0
fi
[[ $status == 0 ]] || exit "$status"
for language in "${chosen[@]}"; do run_language "$language"; done
stop_server
python3 "$here/report.py" --server "$server" --logs "$logs" --only "${STEADFAST_INTEROP_ONLY:-}" "${chosen[@]}"
