#!/usr/bin/env bash
# The integration tests of Temporal's own Rust SDK core, run against Temporal's development server or ours.
# See README.md.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec nice -n 10 python3 -W ignore "$here/suite.py" "$@"
