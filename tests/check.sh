#!/bin/sh
# tests/check.sh [PART]: laws of the source that no compiler knows. `make check` runs it.
set -u
cd "$(dirname "$0")/.."
B=${B:-build} part=${1-}
passed=0 failed=0
files='vsmtp.[ch] base/*.[ch] net/*.[ch] sqlite/*.[ch] rules/*.[ch] smtp/*.[ch]'

# law NAME COMMAND…: holds when the command succeeds; what it prints says why not. One that ends with
# 77 cannot be judged on this machine, and prints why.
law() {
  name=$1
  shift
  case check/$name in *"$part"*) ;; *) return ;; esac
  out=$("$@" 2>&1)
  status=$?
  if [ $status -eq 0 ]; then
    passed=$((passed + 1))
    [ -z "$out" ] || echo "$out"
  elif [ $status -eq 77 ]; then
    echo "skip check/$name: $out"
  else
    failed=$((failed + 1))
    echo "FAIL check/$name"
    echo "$out"
  fi
}

# A macro of one .c file would be seen by all that follow it in the one-file build. One that stands
# in for what an older system header lacks is under an #ifndef of its name, and may stay.
macros() {
  awk '
  function leave(   name) {
    for (name in open) {
      print last ": " name " is not #undef-ined"
      bad = 1
      delete open[name]
    }
  }
  FILENAME != last { leave(); last = FILENAME }
  $1 == "#define" || $1 == "#undef" {
    split($2, word, "(")
    if ($1 == "#undef") delete open[word[1]]
    else if (lacking != word[1]) open[word[1]] = 1
  }
  { lacking = $1 == "#ifndef" ? $2 : "" }
  END { leave(); exit bad }' $(ls base/*.c net/*.c sqlite/*.c rules/*.c smtp/*.c 2>/dev/null)
}

format() {
  tests/format.sh --dry-run -Werror $(ls $files tests/*.[ch] tests/*/*.[ch] 2>/dev/null)
}

# Not a law: a file over 900 lines wants to be two.
length() {
  wc -l $(ls $files amalgamate.sh tests/*.sh 2>/dev/null) |
    awk '$1 > 900 && $2 != "total" { print "note: " $2 " has " $1 " lines" }'
}

# amalgamation SHELL AWK LOCALE ZONE: is the program in one file the same when these write it?
amalgamation() {
  folder=$(mktemp -d) root=$PWD
  command=$(command -v "$2") || return 0
  [ "$2" != busybox ] || command="$command awk"
  printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' "$libraries" "$command" >"$folder/awk"
  chmod +x "$folder/awk"
  (cd "$folder" && PATH=$folder:$PATH LC_ALL=$3 TZ=$4 $1 "$root/amalgamate.sh" -o out.c) &&
    cmp "$folder/out.c" "$B/test/once.c"
  status=$?
  rm -rf "$folder"
  [ $status -eq 0 ] || echo "differs when written by $*"
  return $status
}

reproducible() {
  ./amalgamate.sh -o "$B/test/once.c" || return 1
  peers=$(tests/peers.sh gawk busybox) || return 1
  libraries=$(echo "$peers"/usr/lib/*-linux-*)
  PATH=$PATH:$peers/usr/bin
  for awk in mawk gawk busybox original-awk; do
    amalgamation sh $awk C.UTF-8 Asia/Tokyo || return 1
  done
  amalgamation bash awk C UTC
}

law layers tests/layers.sh
law symbols tests/symbols.sh "$B/test/obj"
law macros macros
law reproducible reproducible
law format format
length
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
