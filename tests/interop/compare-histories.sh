#!/usr/bin/env bash
# Records the histories anew, with Temporal's own software, and checks that they tell the same as
# those checked in. Exit codes: 0 they do; 75 what it needs could not be fetched; else failed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}/interop
fresh=$target/histories
rm -rf "$fresh"

# Records into $fresh. Cases that went wrong are missing there, and come out in the comparison.
record() {
    local status=0
    "$here/renew-histories.sh" --out "$fresh" "$@" || status=$?
    case $status in
    0 | 1) ;;
    75)
        exit 75
        ;;
    *)
        echo "interop: the histories could not be recorded (exit code $status)" >&2
        exit "$status"
        ;;
    esac
}

compare() {
    "$target/debug/steadfast-interop-histories" compare \
        --cases "$root/scenarios/histories/cases.json" "$root/scenarios/histories" "$fresh"
}

record
# On a machine that is busy with something else the server loses workflow tasks that it is slow to
# start, and a worker may be late. So what differs is recorded again, with less at a time, and only
# what differs every time is different.
for jobs in 4 2; do
    verdict=$(compare) && break
    echo "interop: once more, $jobs at a time: $verdict" >&2
    # Word splitting is meant: one argument per case.
    # shellcheck disable=SC2086
    STEADFAST_INTEROP_JOBS=$jobs record $verdict
done
verdict=$(compare) || {
    echo "interop: FAILED, these always differ: $verdict" >&2
    exit 1
}
echo "interop: $verdict"
