#!/bin/sh
# amalgamate.sh: writes the whole program as one file, or a text file as a C string.
#
#   amalgamate.sh [-l] [-o FILE]   vsmtp.c with every local include expanded; -l adds #line
#   amalgamate.sh --text FILE      FILE as C string literals, one for each of its lines
#
# A guarded header is expanded once, anything else each time it is included. `#include "X.inc"`,
# where X is a path from the top of the source, stands for the text file X as a string. The order
# of the files is that of vsmtp.c; this script knows none of their names. The output depends on
# nothing but the sources: not on date, folder, locale, or which awk this is.
set -eu
LC_ALL=C
export LC_ALL

top=$(cd "$(dirname "$0")" && pwd)
mode=program lines=0 out=
while [ $# -gt 0 ]; do
  case $1 in
  -l) lines=1 ;;
  -o) out=$2 && shift ;;
  --text) mode=text && text=$2 && shift ;;
  *) echo "usage: amalgamate.sh [-l] [-o FILE] | --text FILE" >&2 && exit 64 ;;
  esac
  shift
done

# shellcheck disable=SC2016 # the dollars belong to awk
program='
function fail(where, text) {
  print where ": " text >"/dev/stderr"
  failed = 1
  exit 1
}
# a/b/../c -> a/c, ./a -> a
function normal(path,   part, n, i, top, kept, s) {
  n = split(path, part, "/")
  top = 0
  for (i = 1; i <= n; i++) {
    if (part[i] == "." || (part[i] == "" && i > 1)) continue
    if (part[i] == ".." && top > 0 && kept[top] != "..") top--
    else kept[++top] = part[i]
  }
  for (i = 1; i <= top; i++) s = s (i > 1 ? "/" : "") kept[i]
  return s
}
function exists(path,   line, r) {
  r = (getline line <path)
  close(path)
  return r >= 0
}
# The string holds each line with its line end. ?? would be a trigraph.
function text(path, where,   line, r, n) {
  while ((r = (getline line <path)) > 0) {
    n++
    gsub(/["\\?]/, "\\\\&", line)
    gsub(/\t/, "\\t", line)
    if (line ~ /[\001-\037\177]/) fail(where, path " line " n ": a control character")
    print "\"" line "\\n\""
  }
  close(path)
  if (r < 0) fail(where, "cannot read " path)
  if (n == 0) print "\"\""
}
# A header is guarded when its first directive is #ifndef and the second defines the same name.
function guarded(path,   line, name, word) {
  while ((getline line <path) > 0) {
    if (line !~ /^[ \t]*#/) continue
    split(line, word, /[ \t]+/)
    if (name == "") {
      if (word[1] != "#ifndef") break
      name = word[2]
    } else {
      close(path)
      return word[1] == "#define" && word[2] == name
    }
  }
  close(path)
  return 0
}
function expand(path, where,   line, n, depth, name, dir, guard, here, r) {
  guard = guarded(root path)
  if (guard && (path in seen)) return
  if (active[path]) fail(where, path " includes itself")
  if (path ~ /\.c$/ && (path in seen)) fail(where, path " is included twice")
  seen[path] = active[path] = 1
  dir = path
  if (!sub(/\/[^\/]*$/, "/", dir)) dir = ""
  if (where != "") print "/* ---- " path " ---- */"
  if (lines) print "#line 1 \"" path "\""
  while ((r = (getline line <(root path))) > 0) {
    n++
    here = path ":" n
    if (line ~ /\r/) fail(here, "a CR")
    if (line ~ /^[ \t]*#[ \t]*if/) depth++
    if (line ~ /^[ \t]*#[ \t]*endif/) depth--
    if (line !~ /^[ \t]*#[ \t]*include[ \t]+"/) {
      print line
      continue
    }
    if (depth > guard) fail(here, "a local include inside #if would be expanded only there")
    name = line
    sub(/^[^"]*"/, "", name)
    sub(/".*/, "", name)
    if (name ~ /\.inc$/ && !exists(root normal(dir name)))
      text(root substr(name, 1, length(name) - 4), here)
    else {
      name = normal(dir name)
      if (!exists(root name)) fail(here, "no file " name)
      expand(name, here)
    }
    if (lines) print "#line " n + 1 " \"" path "\""
  }
  close(root path)
  if (r < 0) fail(where, "cannot read " path)
  active[path] = 0
}
BEGIN {
  if (mode == "text") text(root, "amalgamate.sh")
  else {
    print "/* vsmtp in one file, generated from its sources by amalgamate.sh: do not edit. Build it with"
    print " *"
    print " *   cc -O2 -o vsmtp vsmtp.c -lmbedtls -lmbedx509 -lmbedcrypto -lcares -lspf2 -lsqlite3 -lpcre2-8 -lm"
    print " */"
    expand("vsmtp.c", "")
  }
  exit failed
}
'

if [ "$mode" = text ]; then
  exec awk -v mode=text -v root="$text" "$program"
fi
if [ -z "$out" ]; then
  exec awk -v mode=program -v root="$top/" -v lines=$lines "$program"
fi
trap 'rm -f "$out.$$"' EXIT
awk -v mode=program -v root="$top/" -v lines=$lines "$program" >"$out.$$"
mv "$out.$$" "$out"
