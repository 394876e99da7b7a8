#!/bin/sh
# tests/layers.sh: who may include whom (HACKING.md, "The house"). Prints each offence.
#
# A file includes headers of its own room by their bare name, doors of lower rooms as
# "../room/door.h", and texts of its own room as "room/text.inc". vsmtp.c alone includes .c files,
# each once, in the order of the layers.
set -eu
cd "$(dirname "$0")/.."

# shellcheck disable=SC2016 # the dollars belong to awk
awk '
BEGIN {
  base = "../base/base.h"
  sees["base"] = " "
  sees["net"] = sees["rules"] = sees["sqlite"] = " " base " ../vsmtp.h "
  sees["smtp"] = " " base " ../vsmtp.h ../net/net.h ../sqlite/store.h ../rules/rules.h "
  top["vsmtp.h"] = " base/base.h "
  top["vsmtp.c"] = " vsmtp.h base/base.h net/net.h sqlite/store.h rules/rules.h smtp/smtp.h "
  layer["base"] = 1; layer["net"] = 2; layer["sqlite"] = 3; layer["rules"] = 4; layer["smtp"] = 5
}
function offence(text) {
  print FILENAME ":" FNR ": " text
  bad = 1
}
FILENAME ~ /\.c$/ && FILENAME ~ /\// && !(FILENAME in known) { known[FILENAME] = 1 }
/^[ \t]*#[ \t]*include[ \t]+"/ {
  split($0, piece, "\"")
  name = piece[2]
  room = FILENAME
  if (!sub(/\/.*/, "", room)) room = ""
  if (room == "" && FILENAME == "vsmtp.c" && name ~ /\.c$/) {
    used[name]++
    split(name, part, "/")
    if (layer[part[1]] < last) offence(name " stands below a higher room")
    last = layer[part[1]]
  } else if (room == "") {
    if (index(top[FILENAME], " " name " ") == 0) offence("may not include " name)
  } else if (name ~ /\.inc$/) {
    if (index(name, room "/") != 1) offence("may not include a text of another room: " name)
  } else if (name ~ /\.c$/) offence("only vsmtp.c includes .c files")
  else if (name ~ /\// && index(sees[room], " " name " ") == 0) offence("may not look into " name)
}
END {
  for (name in known)
    if (used[name] != 1) {
      print "vsmtp.c: includes " name " " used[name] + 0 " times"
      bad = 1
    }
  exit bad
}' vsmtp.h vsmtp.c base/*.[ch] $(ls net/*.[ch] sqlite/*.[ch] rules/*.[ch] smtp/*.[ch] 2>/dev/null)
