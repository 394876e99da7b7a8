#!/bin/sh
# tests/symbols.sh OBJECTS: what the separately compiled files define and call. Prints offences.
#
# OBJECTS is the folder of base/str.o and so on. Laws: no name of a function or variable occurs in
# two files, static or not (in the one-file build two `static int n;` silently become one), and no
# function has the name of a struct; a name
# begins with a word of its file's, or with the prefix of a door function the file defines (what a
# header defines inline belongs to nobody: a compiler may leave a copy anywhere); a library, or a call
# that needs care, is used by the one file that answers for it.
set -eu
cd "$(dirname "$0")/.."
objects=$1

# name and the files that may call it, with | between; a name ending in _ stands for all that begin so
owners='sqlite3_ sqlite/
pcre2_ rules/regex.o
ares_ net/dns
mbedtls_ net/tls|base/crypto.o
psa_ net/tls
SPF_ smtp/sender/spf_library.o
malloc base/mem.o
calloc base/mem.o
realloc base/mem.o
free base/mem.o
strdup -
strndup -
asprintf -
exit -
abort -
system -
popen -
alloca -
rand -
srand -
random -
mktemp -
tmpnam -
strerror_r -
setlocale -
gethostbyname -
getaddrinfo -
getpwnam -
getpwuid -
getgrnam -
initgroups -
localtime -
time base/clock.o
gettimeofday base/clock.o
clock_gettime base/clock.o
getrandom base/clock.o
pthread_ -
setjmp -
longjmp -
scanf -
sscanf -
__isoc99_sscanf -
signal net/loop.o
sleep -
usleep -'

# shellcheck disable=SC2016 # the dollars belong to awk
nm=$(cd "$objects" && find base net sqlite rules smtp -name '*.o' 2>/dev/null | sort | xargs nm -A)
headers=$(find base net sqlite rules smtp -name '*.h' | LC_ALL=C sort)
structs=$(cat $headers $(find base net sqlite rules smtp -name '*.c') | sed -n 's/^struct \([a-z0-9_]*\) {.*/\1/p' | sort -u | tr '\n' ' ')
inline=$(cat $headers |
  sed -n 's/^static inline .*[ *]\([a-z0-9_]*\)(.*/\1/p' | tr '\n' ' ')
echo "$nm" | OWNERS=$owners INLINE=$inline STRUCTS=$structs awk -v headers="$(cat $headers |
  grep -o '[a-z0-9_]* *(\|[a-z0-9_]*;\|[a-z0-9_]*\[' | tr -d ' ([;' | sort -u | tr '\n' ' ')" '
function offence(text) {
  print text
  bad = 1
}
function owns(owners, file,   list, i, n) {
  n = split(owners, list, "|")
  for (i = 1; i <= n; i++)
    if (index(file, list[i]) == 1) return 1
  return 0
}
function prefix(name) { return substr(name, 1, index(name "_", "_") - 1) }
BEGIN {
  n = split(headers, h, " ")
  for (i = 1; i <= n; i++) declared[h[i]] = 1
  n = split(ENVIRON["INLINE"], h, " ")
  for (i = 1; i <= n; i++) inlined[h[i]] = 1
  n = split(ENVIRON["STRUCTS"], h, " ")
  for (i = 1; i <= n; i++) struct[h[i]] = 1
  n = split(ENVIRON["OWNERS"], line, "\n")
  for (i = 1; i <= n; i++) {
    split(line[i], w, " ")
    owner[w[1]] = w[2]
  }
}
{
  file = $1
  sub(/:[^:]*$/, "", file)
  name = $NF
  type = $(NF - 1)
  sub(/\..*/, "", name)
  if (name == "" || name ~ /^__(odr_)?(a|ub|t)san|^_GLOBAL__|^_sub_|^__(func|PRETTY)|^_$/) next
}
type == "U" {
  ask = name
  if (!(ask in owner)) {
    ask = prefix(name) "_"
    if (!(ask in owner)) next
  }
  if (!owns(owner[ask], file)) offence(file ": may not call " name)
  next
}
(name in struct) && type ~ /[tT]/ { offence(file ": " name "() has the name of a struct") }
name in inlined { next }
$NF ~ /\./ { next }   # the compiler made it, or it is static within a function
type ~ /[a-z]/ && name in declared { next }   # an inline function of a header
{
  if (name in where) offence(name ": defined in " where[name] " and in " file)
  where[name] = file
  stem = file
  sub(/.*\//, "", stem)
  sub(/\.o$/, "", stem)
  if (index("_" stem "_", "_" tolower(prefix(name)) "_") > 0) next
  if (type ~ /[TDBRV]/ && name in declared) own[file, prefix(name)] = 1
  else odd[name] = file
}
END {
  for (name in odd)
    if (!((odd[name], prefix(name)) in own)) offence(odd[name] ": whose is " name "?")
  exit bad
}'
