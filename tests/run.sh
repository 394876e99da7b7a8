#!/bin/sh
# tests/run.sh [PART]: runs the test programs `make test` has built, one line for each, and sums.
#
# A runner gets PART and runs the tests whose name contains it. It writes "FAIL NAME…" for each
# failure, "skip NAME: reason" for what cannot run here, and last "N passed, N failed". One that
# dies without that line counts as one failure. V=1 shows everything they write.
set -u
cd "$(dirname "$0")/.."
B=${B:-build} part=${1-}
export B
logs=$B/test/log
passed=0 failed=0
mkdir -p "$logs"

# Leak and address sanitizers want a fixed address space; ptrace-restricted places refuse this.
fixed=
setarch -R true 2>/dev/null && fixed='setarch -R'
ASAN_OPTIONS=${ASAN_OPTIONS-detect_stack_use_after_return=1:strict_string_checks=1}
UBSAN_OPTIONS=${UBSAN_OPTIONS-print_stacktrace=1}
export ASAN_OPTIONS UBSAN_OPTIONS PYTHONDONTWRITEBYTECODE=1

# runner NAME COMMAND…
runner() {
  name=$1 log=$logs/$1.log
  shift
  # shellcheck disable=SC2086 # a command and its option
  timeout 900 $fixed "$@" >"$log" 2>&1 </dev/null
  status=$?
  [ -z "${V-}" ] || cat "$log"
  sum=$(grep -a -E '^([a-z]+ +)?[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1 |
    sed 's/.*\b\([0-9][0-9]*\) passed, \([0-9][0-9]*\) failed.*/\1 \2/')
  good=${sum% *} bad=${sum#* }
  if [ -z "$sum" ]; then
    echo "FAIL $name: ended with status $status and no sum" >>"$log"
    tail -n 30 "$log"
    good=0 bad=1
  elif [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
    echo "FAIL $name: ended with status $status" >>"$log"
    tail -n 30 "$log"
    bad=1
  fi
  [ "$good" -eq 0 ] && [ "$bad" -eq 0 ] && [ -n "$part" ] && return 0
  printf '%-14s %5d passed, %d failed\n' "$name" "$good" "$bad"
  [ -n "${V-}" ] || grep -a '^skip ' "$log"
  if [ "$bad" -ne 0 ]; then
    grep -a '^FAIL ' "$log" | while read -r line; do
      test=${line#FAIL }
      echo "$line     again: make test T=${test%%[: ]*} V=1"
    done
    echo "     all it said: $log"
  fi
  passed=$((passed + good)) failed=$((failed + bad))
}

# Files of a folder whose path has PART in it, unless PART is in NAME.
matching() {
  case $1 in
  *"$part"*) echo "$2" ;;
  *) find "$2" -type f -path "*$part*" ;;
  esac
}

play="$B/test/play"
runner check tests/check.sh "$part"
runner unit "$B/test/unit" $part
runner unit-dist "$B/test/unit-dist" $part
for binary in vsmtp vsmtp-dist; do
  kind=${binary#vsmtp}
  runner "vsl$kind" "$play" "BIN=$B/test/$binary" "T=$part" tests/vsl
  runner "talk$kind" "$play" "BIN=$B/test/$binary" "T=$part" tests/smtp
done
for fuzzer in "$B"/test/fuzz-*; do
  [ -x "$fuzzer" ] || continue
  name=${fuzzer##*/}
  files=$(matching "$name" "tests/corpus/${name#fuzz-}")
  # shellcheck disable=SC2086 # a list of names
  [ -z "$files" ] || runner "$name" "$fuzzer" $files
done
[ ! -e tests/golden.sh ] || runner golden tests/golden.sh "$part"
[ ! -e tests/crash.sh ] || runner crash tests/crash.sh "$part"
[ ! -e tests/clients/clients.py ] || runner clients tests/clients/clients.py "$B/test/vsmtp" "$part"
runner delegate tests/delegate/delegate.py "$B/test/vsmtp" "$part"
runner services tests/delegate/services.py "$B/test/vsmtp" "$part"
runner service tests/service/service.py "$B/test/vsmtp" "$part"
runner drop tests/drop/drop.py "$B/test/vsmtp" "$part"
runner spf tests/spf/spf.py "$B/test/vsmtp" "$part"
runner outbound tests/outbound/outbound.py "$B/test/vsmtp" "$part"
runner bounce tests/bounce/bounce.py "$B/test/vsmtp" "$part"
runner tls tests/tls/tls.py "$B/test/vsmtp" "$part"
runner auth tests/auth/auth.py "$B/test/vsmtp" "$part"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
