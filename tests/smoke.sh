#!/bin/sh
# tests/smoke.sh [PART]: a few unit tests over the program in one file, a few conversations and scripts
# with the program of separate files. All of them run the other way round: run.sh, command().
set -u
cd "$(dirname "$0")/.." || exit 2
t=${B:-build}/test part=${1-}
status=0

[ -n "$part" ] || "$t/unit-dist" -v vm_ store_ || status=1
"$t/play" -v BIN="$t/vsmtp" T="$part" tests/vsl/lang/closures tests/smtp/relay || status=1
# The language by itself knows all of the language, and no mail.
"$t/play" -v BIN="$t/vsl-alone" T="$part" tests/vsl/lang tests/vsl/std || status=1
exit $status
