# tests/comments.awk: what is true of the text of the sources, of which no compiler knows.
#
#   LC_ALL=C awk -f tests/comments.awk FILE…      from the top of the repository
#
#   1. No line of C or SQL is longer than 100 characters. Octets are counted but for those that go
#      on with a character.
#   2. A banner is one line of 100 characters: a slash and star, four dashes, a text, dashes to the
#      end. Without the end of the comment a paragraph follows, and ends on its last line of text.
#   3. A page that is named exists: here, beside the file, or as something .gitignore says is made.
#      So does the heading behind #, by the rule GitHub makes anchors with.
#   4. A law of schema.sql that is cited is there.
#   5. What is tagged ORDER in one place is tagged so in another.
#
# Prints FILE:LINE: what is wrong; exit code 1 if anything is.

function wrong(what)
{
  print FILENAME ":" FNR ": " what
  bad = 1
}

function exists(path,   line)
{
  if (!(path in known)) {
    known[path] = (getline line < path) >= 0
    close(path)
  }
  return known[path]
}

# The headings of a page, as anchors, into anchors[path, anchor].
function headings(path,   line)
{
  if (path in read) return
  read[path] = 1
  while ((getline line < path) > 0)
    if (line ~ /^#+ /) {
      sub(/^#+ +/, "", line)
      line = tolower(line)
      gsub(/[^a-z0-9_ -]/, "", line)
      gsub(/ /, "-", line)
      anchors[path, line] = 1
    }
  close(path)
}

function beside(path)
{
  return folder path
}

# A word that ends in .md or in README, with or without an anchor.
function page(word,   cut, anchor, path)
{
  cut = index(word, "#")
  anchor = cut ? substr(word, cut + 1) : ""
  path = cut ? substr(word, 1, cut - 1) : word
  if (path in made) return
  if (exists(path ".md") && path !~ /\.md$/) path = path ".md"
  else if (!exists(path) && exists(beside(path))) path = beside(path)
  else if (!exists(path)) {
    wrong("there is no page " path)
    return
  }
  if (anchor == "") return
  headings(path)
  if (!((path, anchor) in anchors)) wrong(path " has no heading #" anchor)
}

function pages(line)
{
  gsub(/[a-z]+:\/\/[^ ]*/, "", line) # other people's
  while (match(line, /[A-Za-z0-9_.\/-]*(\.md|README)(#[a-z0-9_-]+)?/)) {
    if (substr(line, RSTART + RLENGTH, 1) !~ /[A-Za-z0-9_]/) page(substr(line, RSTART, RLENGTH))
    line = substr(line, RSTART + RLENGTH)
  }
}

function laws(line,   list, n, i)
{
  while (match(line, /schema\.sql laws? [0-9]+/)) {
    n = split(substr(line, RSTART, RLENGTH), list, " ")
    if (!(list[n] in law)) wrong("schema.sql has no law " list[n])
    line = substr(line, RSTART + RLENGTH)
  }
}

function orders(line,   tag)
{
  while (match(line, /ORDER [A-Za-z_][A-Za-z0-9_]*/)) {
    tag = substr(line, RSTART + 6, RLENGTH - 6)
    if (tag != "BY") {
      tagged[tag]++
      where[tag] = FILENAME ":" FNR
    }
    line = substr(line, RSTART + RLENGTH)
  }
}

function banner(length_)
{
  if ($0 ~ /^\/\* ---- / && ($0 !~ /^\/\* ---- [^ -].* ----*( \*\/)?$/ || length_ != 100))
    wrong("a banner is filled with dashes to 100 characters")
  if ($0 ~ /^\/\* -/ && $0 !~ /^\/\* (---- |-[0-9a-z])/) wrong("a banner begins with four dashes")
  if (under && $0 ~ /^ \*\/$/) wrong("the comment of a banner ends on its last line of text")
  if ($0 ~ /^\/\* ---- / && $0 !~ /\*\/$/) under = 1
  else if (/\*\//) under = 0
}

BEGIN {
  while ((getline line < ".gitignore") > 0) made[line] = 1
  while ((getline line < "sqlite/schema.sql") > 0)
    if (line ~ /^-- +[0-9]+\. /) {
      sub(/^-- +/, "", line)
      law[line + 0] = 1
    }
}

FNR == 1 {
  folder = FILENAME
  sub(/[^\/]*$/, "", folder)
  under = 0
  is_c = FILENAME ~ /\.[ch]$/
}

{
  pages($0)
  laws($0)
}

is_c || FILENAME ~ /\.sql$/ {
  characters = $0
  gsub(/[\200-\277]/, "", characters)
  if (length(characters) > 100) wrong("the line has " length(characters) " characters")
}

is_c {
  banner(length(characters))
  orders($0)
}

END {
  for (tag in tagged)
    if (tagged[tag] < 2) {
      print where[tag] ": ORDER " tag " has no other end"
      bad = 1
    }
  exit bad
}
