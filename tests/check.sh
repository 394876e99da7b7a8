#!/bin/sh
# tests/check.sh [PART]: laws of the source that no compiler knows. `make check` runs it.
set -u
cd "$(dirname "$0")/.."
B=${B:-build} part=${1-}
passed=0 failed=0
rooms='base net sqlite rules smtp'
files=$(echo vsmtp.[ch] $(find $rooms -name '*.[ch]' | LC_ALL=C sort))

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
  END { leave(); exit bad }' $(printf '%s\n' $files | grep '/.*\.c$')
}

format() {
  tests/format.sh --dry-run -Werror $(ls $files tests/*.[ch] tests/*/*.[ch] 2>/dev/null)
}

# What tests/comments.awk wants of a text.
comments() {
  LC_ALL=C awk -f tests/comments.awk "$@"
}

every_comment() {
  comments vsmtp.[ch] Makefile amalgamate.sh *.md tests/README $(find $rooms tests contrib \
    \( -name '*.[ch]' -o -name '*.sql' -o -name '*.vsl' -o -name '*.sh' -o -name '*.py' -o \
    -name '*.t' -o -name '*.md' \) ! -path tests/check.sh)
}

# Are they found? Each line of bad.c is one, but for the last three, which are good.
comments_fail() {
  folder=$(mktemp -d)
  rule=$(printf '%87s' '' | tr ' ' -) long=$(printf '%101s' '' | tr ' ' x)
  accents=$(printf '%100s' '' | sed 's/ /é/g')
  {
    echo '/* see config.md 3 */'
    echo '/* rules/README.md#no-such-heading */'
    echo '/* the words are those of nowhere/README */'
    echo '/* schema.sql law 99 */'
    echo '/* ---- short ---- */'
    echo '/* -- two dashes */'
    echo "/* ---- x $rule---"
    echo ' */'
    echo "$long"
    echo '/* ORDER ALONE */'
    echo "/* ---- a $rule */"
    echo "$accents"
    echo '/* sqlite/README.md#manners, tests/README, schema.sql law 1, https://a.example/b.md */'
  } >"$folder/bad.c"
  found=$(comments "$folder/bad.c" | sed 's/.*bad\.c:\([0-9]*\):.*/\1/' | sort -nu | tr '\n' ' ')
  rm -rf "$folder"
  [ "$found" = '1 2 3 4 5 6 8 9 10 ' ] || {
    echo "of the lines 1 to 6 and 8 to 10 these were found: $found"
    return 1
  }
}

# A function that is longer than 60 lines does more than one thing. vm_run is the loop over all
# instructions.
functions() {
  awk '/^[a-z].*\(/ { head = $0 }
  /^\{/ { from = FNR }
  /^\}/ && from {
    if (FNR - from - 1 > 60 && head !~ /vm_run\(/) {
      print FILENAME ":" from ": " head " has " FNR - from - 1 " lines"
      bad = 1
    }
    from = 0
  }
  END { exit bad }' "$@"
}

# Is one of 61 found, and one of 60 not?
functions_fail() {
  body=$(printf '%60s' '' | sed 's/ /\n  x();/g')
  file=$(mktemp)
  printf 'int f(void)\n{%s\n}\nint g(void)\n{%s\n  y();\n}\n' "$body" "$body" >"$file"
  found=$(functions "$file" | sed 's/.*\(. *has\)/\1/; s/^[^ ]*//')
  rm -f "$file"
  [ "$found" = ' has 61 lines' ] || {
    echo "of two functions of 60 and 61 lines these were found: $found"
    return 1
  }
}

# What make would do, without doing it.
would() {
  env -u MAKEFLAGS -u MFLAGS make -n -B "B=$B" V=1 "$@" 2>&1 | sed -e ':a' -e '/\\$/{N;s/\\\n//;ba' -e '}'
}

# Warnings stop no user; and whoever builds has the last word on each compiler's options.
flags() {
  for target in all run install static bench cross; do
    ! would $target ARCH=arm64 | grep -e -Werror || { echo "make $target: with -Werror" && return 1; }
  done
  would testbuild | grep -q -e -Werror || { echo "make test: without -Werror" && return 1; }
  ! would testbuild static all WERROR= CFLAGS=-DLAST | grep -E '(cc|clang) .*\.c( |$)' |
    grep -v -e ' -DLAST' || { echo "these do not have CFLAGS" && return 1; }
  ! would testbuild WERROR= CFLAGS=-DLAST | grep -e -Werror
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

law layers tests/layers.sh "$B/test/obj"
law symbols tests/symbols.sh "$B/test/obj"
law macros macros
law flags flags
law comments every_comment
law comments_fail comments_fail
law functions functions $(printf "%s\n" $files | grep "\.c$")
law functions_fail functions_fail
law reproducible reproducible
law format format
length
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
