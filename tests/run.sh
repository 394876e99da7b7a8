#!/bin/sh
# tests/run.sh [PART]: runs the test programs `make test` has built, several at once, and sums.
#
# PART is a piece of a test's name, or of RUNNER/NAME: "outbound", "outbound/token", "token". A runner
# gets what is left of it to look for in its own names. It writes "FAIL NAME…" for each failure, then
# what explains it; "skip NAME: reason" for what cannot run here; "ok NAME: N s" for the others if it
# likes; and "N passed, N failed". One that dies without that line, or takes too long, counts as one
# failure. V=1 shows everything they write, what each has taken, and the ten slowest tests.
#
# Runners are the few of command() and each tests/*/*.py that calls kit.main. A large one is cut: its
# shard I/N has each Nth test. Those that compute get a core each; the Python ones mostly wait, and
# run beside them. Each gets a line, in the order of the list, when it and those before have ended.
set -u
cd "$(dirname "$0")/.." || exit 2
B=${B:-build} part=${1-} cores=${JOBS:-$(nproc 2>/dev/null || echo 2)}
export B
logs=$B/test/log
passed=0 failed=0
rm -rf "$logs"
mkdir -p "$logs"

# Leak and address sanitizers want a fixed address space; ptrace-restricted places refuse this. What
# a shell starts behind it is deaf to Ctrl-C, which some tests send.
before=
setarch -R true 2>/dev/null && before='setarch -R'
env --default-signal=INT true 2>/dev/null && before="env --default-signal=INT,QUIT $before"
ASAN_OPTIONS=${ASAN_OPTIONS-detect_stack_use_after_return=1:strict_string_checks=1}
UBSAN_OPTIONS=${UBSAN_OPTIONS-print_stacktrace=1}
export ASAN_OPTIONS UBSAN_OPTIONS PYTHONDONTWRITEBYTECODE=1

# ---- the runners ---------------------------------------------------------------------------------

# Their names, how many shards, and what they do most of the time.
runners() {
  echo "check 1 computes
unit $cores computes
crash $cores computes
vsl 1 computes
talk 1 computes
smoke 1 computes
golden 1 computes"
  for fuzzer in "$B"/test/fuzz-*; do
    [ ! -x "$fuzzer" ] || echo "${fuzzer##*/} 1 computes"
  done
  for name in $(sed -n 's/^ *kit\.main("\([a-z]*\)".*/\1/p' tests/*/*.py); do
    case $name in
    outbound) echo "$name 4 waits" ;;
    delegate | tls) echo "$name 2 waits" ;;
    *) echo "$name 1 waits" ;;
    esac
  done
}

# wanted RUNNER: sets pick to what is asked for of it, nothing for all.
wanted() {
  pick=$part
  case $1 in *"$part"*) pick= ;; esac
  case $part in "$1"/*) pick=${part#"$1"/} ;; esac
}

# command RUNNER SHARD: becomes it. Conversations and scripts meet the program in one file, unit tests
# the files alone: these have the same tokens (check/reproducible), so nothing is run twice.
command() {
  wanted "$1"
  case $1 in
  check | golden | smoke) set -- "tests/$1.sh" "$pick" ;;
  unit | crash) set -- "$B/test/$1" -v -s "$2" "$pick" ;;
  vsl) set -- "$B/test/play" -v "BIN=$B/test/vsmtp-dist" "T=$pick" tests/vsl ;;
  talk) set -- "$B/test/play" -v "BIN=$B/test/vsmtp-dist" "T=$pick" tests/smtp ;;
  fuzz-*)
    # shellcheck disable=SC2046 # a list of names
    set -- "$B/test/$1" $(find "tests/corpus/${1#fuzz-}" -type f -path "*$pick*")
    [ $# -gt 1 ] || set -- echo '0 passed, 0 failed'
    ;;
  *) set -- "$(grep -l "^ *kit\.main(\"$1\"" tests/*/*.py)" "$B/test/vsmtp" "$pick" "$2" ;;
  esac
  # shellcheck disable=SC2086 # a command and its options
  exec timeout -k 10 900 $before "$@"
}

# ---- what they said ------------------------------------------------------------------------------

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
    /^(ok|good|BAD |----|skip|    ) / || /[0-9]+ passed, [0-9]+ failed/ { left = 0 }
    left > 0 && NF { left--; print "  | " substr($0, 1, 400) }' "$1"
}

# judge SHARD's LOG: adds to good and bad.
judge() {
  read -r status seconds cpu <"$2.ended"
  sum=$(awk '
    /^([a-z]+ +)?[0-9]+ passed, [0-9]+ failed/ {
      sub(/^[a-z]+ +/, "")
      good += $1
      bad += $3
      said = 1
    }
    END { if (said) print good + 0, bad + 0 }' "$2")
  if [ -z "$sum" ] || { [ "$status" -ne 0 ] && [ "${sum#* }" -eq 0 ]; }; then
    words=$(last_words "$2" | sed 's/^/  /')
    [ "$status" -lt 124 ] || [ "$seconds" -lt 900 ] || status="$status (it takes too long)"
    printf 'FAIL %s: ended with status %s\n%s\n' "$1" "$status" "$words" >>"$2"
    sum=$(echo "${sum:-0 0}" | sed "s, .*, 1,")
  fi
  good=$((good + ${sum% *})) bad=$((bad + ${sum#* }))
  took="$took, $seconds s ($cpu s computing)"
}

# tell RUNNER SHARDS: its line, and its failures.
tell() {
  good=0 bad=0 took= log=$logs/$1.log n=0
  while [ $((n += 1)) -le "$2" ]; do
    judge "$1" "$logs/$1.$n"
    cat "$logs/$1.$n" >>"$log"
    rm -f "$logs/$1.$n" "$logs/$1.$n.ended" "$logs/$1.$n.times"
  done
  [ -z "${V-}" ] || cat "$log"
  [ "$good" -eq 0 ] && [ "$bad" -eq 0 ] && [ -n "$part" ] && return 0
  printf '%-14s %5d passed, %d failed%s\n' "$1" "$good" "$bad" "${V:+$took}"
  [ -n "${V-}" ] || grep -a '^skip ' "$log"
  if [ "$bad" -ne 0 ]; then
    failures "$log"
    echo "     all it said: $log"
  fi
  passed=$((passed + good)) failed=$((failed + bad))
}

slowest() {
  echo "The slowest:"
  sed -n 's/^ok \(.*\): \([0-9.]*\) s$/\2 s  \1/p' "$logs"/*.log | sort -rn | head -n 10
}

# ---- several at once -----------------------------------------------------------------------------

# Both lists hold what has not begun, as "RUNNER I/N" lines; both counts what runs.
computing=0 waiting=0 children='' shards=0
: >"$logs/computes"
: >"$logs/waits"
runners >"$logs/runners"
while read -r name n kind; do
  i=0
  while [ $((i += 1)) -le "$n" ]; do
    echo "$name $i/$n" >>"$logs/$kind"
    shards=$((shards + 1))
  done
done <"$logs/runners"
exec 4<"$logs/computes" 5<"$logs/waits"
mkfifo "$logs/ended" && exec 3<>"$logs/ended" || exit 2

# start RUNNER I/N KIND: it says on descriptor 3 when it has ended.
start() {
  (
    log=$logs/$1.${2%/*} began=$(date +%s)
    command "$1" "$2" >"$log" 2>&1 </dev/null 3>&- 4<&- 5<&- &
    child=$!
    trap 'kill "$child"; wait "$child"; exit 143' TERM
    wait "$child"
    status=$? took=$(($(date +%s) - began))
    times >"$log.times"
    cpu=$(awk -F '[ ms]+' '{ s += 60 * $1 + $2 + 60 * $3 + $4 } END { printf "%.1f", s }' "$log.times")
    echo "$status $took $cpu" >"$log.ended"
    echo "$3" >&3
  ) &
  children="$children $!"
}

stop() {
  trap '' INT TERM HUP
  # shellcheck disable=SC2086 # a list of numbers
  kill $children 2>/dev/null
  wait
  echo "stopped" >&2
  exit "$1"
}
trap 'stop 130' INT
trap 'stop 143' TERM
trap 'stop 129' HUP

progress() {
  [ -t 2 ] && printf '\r\033[K%s' "$1" >&2
}

# Tells of those that have ended, up to the first that has not.
told=0
tell_of() {
  at=0
  while read -r name n kind; do
    [ $((at += 1)) -gt $told ] || continue
    i=0
    while [ $((i += 1)) -le "$n" ]; do [ -e "$logs/$name.$i.ended" ] || return 0; done
    progress ''
    tell "$name" "$n"
    told=$at
  done <"$logs/runners"
}

ended=0
while [ "$ended" -lt "$shards" ]; do
  while [ "$computing" -lt "$cores" ] && read -r name i <&4; do
    start "$name" "$i" computes
    computing=$((computing + 1))
  done
  while [ "$waiting" -lt $((2 * cores)) ] && read -r name i <&5; do
    start "$name" "$i" waits
    waiting=$((waiting + 1))
  done
  progress "  $ended of $shards runs have ended"
  read -r kind <&3 || continue
  ended=$((ended + 1))
  if [ "$kind" = computes ]; then computing=$((computing - 1)); else waiting=$((waiting - 1)); fi
  tell_of
done
progress ''
[ -z "${V-}" ] || slowest
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
