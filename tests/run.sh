#!/bin/sh
# tests/run.sh [PART]: runs the test programs `make test` has built, one line for each, and sums.
#
# PART is a piece of a test's name, or of RUNNER/NAME: "outbound", "outbound/token", "token". A runner
# gets what is left of it to look for in its own names. It writes "FAIL NAME…" for each failure, then
# what explains it; "skip NAME: reason" for what cannot run here; and last "N passed, N failed". One
# that dies without that line counts as one failure. V=1 shows everything they write.
set -u
cd "$(dirname "$0")/.." || exit 2
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

# wanted RUNNER: sets pick to what is asked for of it, nothing for all.
wanted() {
  pick=$part
  case $1 in *"$part"*) pick= ;; esac
  case $part in "$1"/*) pick=${part#"$1"/} ;; esac
}

# What a runner said that died: from the first word of a sanitizer on, or the end.
last_words() {
  at=$(grep -a -n -m 1 -E 'ERROR: [A-Za-z]+Sanitizer|: runtime error: ' "$1" | cut -d: -f1)
  if [ -n "$at" ]; then sed -n "$at,$((at + 40))p" "$1"; else tail -n 30 "$1"; fi
}

# The failures in a log, how to repeat them, and behind each of the first ten what explains it.
failures() {
  awk -v most="${V:+0}" '
    /^FAIL / {
      name = $2
      sub(/:.*/, "", name)
      print $0 "     again: make test T=" name " V=1"
      left = most == "" && ++failed <= 10 ? 40 : 0
      next
    }
    /^(ok|good|BAD |----|skip) / || /[0-9]+ passed, [0-9]+ failed/ { left = 0 }
    left > 0 && NF { left--; print "  | " substr($0, 1, 400) }' "$1"
}

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
  if [ -z "$sum" ] || { [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; }; then
    words=$(last_words "$log" | sed 's/^/  /') good=${good:-0} bad=1
    printf 'FAIL %s: ended with status %d\n%s\n' "$name" "$status" "$words" >>"$log"
  fi
  [ "$good" -eq 0 ] && [ "$bad" -eq 0 ] && [ -n "$part" ] && return 0
  printf '%-14s %5d passed, %d failed\n' "$name" "$good" "$bad"
  [ -n "${V-}" ] || grep -a '^skip ' "$log"
  if [ "$bad" -ne 0 ]; then
    failures "$log"
    echo "     all it said: $log"
  fi
  passed=$((passed + good)) failed=$((failed + bad))
}

# python NAME FILE: a runner in Python.
python() {
  wanted "$1"
  runner "$1" "tests/$2" "$B/test/vsmtp" "$pick"
}

play="$B/test/play"
wanted check
runner check tests/check.sh "$pick"
for kind in '' -dist; do
  wanted "unit$kind"
  runner "unit$kind" "$B/test/unit$kind" "$pick"
done
for kind in '' -dist; do
  wanted "vsl$kind"
  runner "vsl$kind" "$play" "BIN=$B/test/vsmtp$kind" "T=$pick" tests/vsl
  wanted "talk$kind"
  runner "talk$kind" "$play" "BIN=$B/test/vsmtp$kind" "T=$pick" tests/smtp
done
for fuzzer in "$B"/test/fuzz-*; do
  [ -x "$fuzzer" ] || continue
  name=${fuzzer##*/}
  wanted "$name"
  files=$(find "tests/corpus/${name#fuzz-}" -type f -path "*$pick*")
  # shellcheck disable=SC2086 # a list of names
  [ -z "$files" ] || runner "$name" "$fuzzer" $files
done
wanted golden
runner golden tests/golden.sh "$pick"
wanted crash
runner crash tests/crash.sh "$pick"
python first first/first.py
python clients clients/clients.py
python delegate delegate/delegate.py
python services delegate/services.py
python service service/service.py
python drop drop/drop.py
python spf spf/spf.py
python outbound outbound/outbound.py
python bounce bounce/bounce.py
python tls tls/tls.py
python auth auth/auth.py

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
