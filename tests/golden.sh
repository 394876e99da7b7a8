#!/bin/sh
# tests/golden.sh [-w] BIN [PART]: what is wrong with a file, word for word.
#
# tests/golden/conf/NAME.toml is shown to `BIN config-show`; what it writes to standard error and
# its exit code must be NAME.err. -w writes those anew: review the difference before you commit it.
# What depends on the machine is taken out: its name, and whether it has a user vsmtp.
set -u
cd "$(dirname "$0")/golden/conf" || exit 2
write=
[ "${1-}" = -w ] && write=1 && shift
bin=$1 part=${2-}
case $bin in */*) bin=$(cd "$OLDPWD" && cd "$(dirname "$bin")" && pwd)/$(basename "$bin") ;; esac
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
want=$PWD
passed=0 failed=0
cp ./*.toml "$tmp" && chmod 644 "$tmp"/*.toml && cd "$tmp" || exit 2

for file in *.toml; do
  name=${file%.toml}
  case golden/conf/$name in *"$part"*) ;; *) continue ;; esac
  "$bin" config-show -c "$file" 2>raw >/dev/null
  code=$?
  sed -e '/there is no user vsmtp/d' -e 's/taken for now: .*)/taken for now: HOST)/' \
    -e "s|$tmp/||g" raw >got
  echo "exit $code" >>got
  [ -n "$write" ] && cp got "$want/$name.err"
  if cmp -s "$want/$name.err" got; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAIL golden/conf/$name"
    diff "$want/$name.err" got
  fi
done
echo "golden $passed passed, $failed failed"
[ "$failed" -eq 0 ]
