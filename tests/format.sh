#!/bin/sh
# tests/format.sh OPTION… FILE…: clang-format, of the one version whose layout is this repository's.
#
# Another version lays the same code out in another way. Where that one is not, the status is 77.
set -eu
version=14

for program in "clang-format-$version" clang-format; do
  has=$("$program" --version 2>/dev/null | sed -n 's/.*version \([0-9]*\)\..*/\1/p')
  [ "$has" != "$version" ] || exec "$program" "$@"
done
echo "needs clang-format $version; here is ${has:-none}"
exit 77
