#!/bin/sh
# tests/layers.sh [OBJECTS]: who may include and call whom (HACKING.md, "The house"). Prints each offence.
#
# A file includes headers of its own room by their bare name, doors of the rooms it sees by a path from
# its own folder, and texts of its own room as "room/text.inc". vsmtp.c alone includes .c files, each
# once, in the order of the rooms. OBJECTS is the folder of base/str.o and so on: no file calls a
# function, or uses a variable, that is defined in a room it does not see.
set -eu
cd "$(dirname "$0")/.."

# From the ground up: a room, its door, and the rooms it sees; "below" are all that stand above its line.
rooms='base base.h
net net.h base
sqlite store.h base
rules/vsl vsl.h base
rules rules.h base rules/vsl
smtp/format format.h below
smtp/sasl sasl.h below
smtp/sender sender.h below
smtp/conf conf.h below
smtp/helper helper.h below
smtp/policy policy.h below
smtp/outbound outbound.h below
smtp/filter filter.h below
smtp/queue queue.h below
smtp/session session.h below
smtp/server server.h below
smtp/cli cli.h below'

files() { find base net sqlite rules smtp -name "$1" | LC_ALL=C sort; }

calls() {
  [ -z "${1-}" ] || (cd "$1" && find base net sqlite rules smtp -name '*.o' | LC_ALL=C sort | xargs nm -A)
}

# shellcheck disable=SC2016 # the dollars belong to awk
{
  calls "${1-}"
  echo "end of calls"
  grep -H -n '^[ 	]*#[ 	]*include[ 	]*"' vsmtp.h vsmtp.c $(files '*.[ch]')
  files '*.c'
} | ROOMS=$rooms awk '
function offence(text) {
  print text
  bad = 1
}
function folder(path) { return sub(/\/[^\/]*$/, "", path) ? path : "" }
# a/b/../c -> a/c
function normal(path) {
  while (sub(/[^\/.][^\/]*\/\.\.\//, "", path)) {}
  return path
}
function sees(from, to) { return from == to || index(seen[from], " " to " ") > 0 }
BEGIN {
  n = split(ENVIRON["ROOMS"], line, "\n")
  below = " "
  for (i = 1; i <= n; i++) {
    split(line[i], word, " ")
    layer[word[1]] = i
    door[word[1] "/" word[2]] = word[1]
    rest = line[i]
    sub(/^[^ ]* [^ ]* ?/, "", rest)
    seen[word[1]] = rest == "below" ? below : " " rest " "
    below = below word[1] " "
  }
}
$0 == "end of calls" { # of functions, now that all are known
  for (i = 1; i <= asked; i++) {
    split(ask[i], word, " ")
    to = home[word[2]]
    if (to && !sees(folder(word[1]), folder(to))) offence(word[1] ": may not use " word[2] " of " to)
  }
  next
}
NF >= 2 && $(NF - 1) ~ /^[A-Za-z]$/ && $1 ~ /\.o:/ {
  file = $1
  sub(/\.o:.*/, ".c", file)
  if ($(NF - 1) == "U") ask[++asked] = file " " $NF
  else if ($(NF - 1) ~ /[A-Z]/) home[$NF] = file
  next
}
NF == 1 { known[$1] = 1; next }
{
  split($0, part, ":")
  where = part[1] ":" part[2] ": "
  file = part[1]
  split($0, piece, "\"")
  name = piece[2]
  room = folder(file)
  if (name ~ /\.inc$/) {
    if (folder(name) != room) offence(where "may not include a text of another room: " name)
    next
  }
  path = normal((room ? room "/" : "") name)
  if (name ~ /\.c$/) {
    if (file != "vsmtp.c") offence(where "only vsmtp.c includes .c files")
    used[name]++
    if (layer[folder(name)] < last) offence(where name " stands below a higher room")
    last = layer[folder(name)]
  } else if (name !~ /\//) {
    if (room == "" && name != "vsmtp.h") offence(where "may not include " name)
  } else if (path == "vsmtp.h") {
    if (room == "base") offence(where "base/ knows nothing of mail")
  } else if (!(path in door)) offence(where name " is no door")
  else if (file == "vsmtp.h" ? path != "base/base.h" : room && !sees(room, door[path]))
    offence(where "may not look into " door[path])
}
END {
  for (name in known)
    if (used[name] != 1) offence("vsmtp.c: includes " name " " used[name] + 0 " times")
  exit bad
}'
