#!/bin/sh
# tests/golden.sh [-w] [PART]: what the program says about files with faults, word for word.
#
#   tests/golden/conf/NAME.toml   shown to `vsmtp config-show -c`
#   tests/golden/eval/NAME.vsl    shown to `vsmtp eval`
#   tests/golden/check/NAME.toml  shown to `vsmtp check -c`; NAME.root is laid over tests/machine then
#
# What it writes to standard error and its exit code must be NAME.err. -w writes those anew: review
# the difference before you commit it. BIN names the program, B the build folder. What depends on
# the machine is taken out: its name, and that there is no user vsmtp and where mail is kept then.
set -u
unset HOME XDG_STATE_HOME
cd "$(dirname "$0")/.." || exit 2
write=
[ "${1-}" = -w ] && write=1 && shift
part=${1-}
bin=$(realpath "${BIN:-${B:-build}/test/vsmtp}") || exit 2
golden=$PWD/tests/golden machine=$PWD/tests/machine
tmp=$(mktemp -d) && tmp=$(realpath "$tmp") || exit 2
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0

# shown KIND FILE COMMAND…
shown() {
  name=$1/${2%.*}
  shift 2
  case golden/$name in *"$part"*) ;; *) return ;; esac
  mkdir -p "$tmp/$name.root/etc" && cp "$machine"/etc/* "$tmp/$name.root/etc"
  VSMTP_ROOT=$tmp/$name.root "$bin" "$@" 2>"$tmp/raw" >/dev/null </dev/null
  code=$?
  sed -e '/there is no user vsmtp/d' -e '/not started as root, so mail is kept/d' \
    -e 's/taken for now: .*)/taken for now: HOST)/' -e "s|$tmp/||g" "$tmp/raw" >"$tmp/got"
  echo "exit $code" >>"$tmp/got"
  [ -n "$write" ] && cp "$tmp/got" "$golden/$name.err"
  if cmp -s "$golden/$name.err" "$tmp/got"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAIL golden/$name"
    diff "$golden/$name.err" "$tmp/got"
  fi
}

# Copies, because what is said depends on the modes of files, which checkouts do not agree on.
cp -r "$golden"/* "$tmp" && chmod -R u=rwX,go=rX "$tmp" || exit 2
for kind in conf check eval; do
  [ -d "$tmp/$kind" ] && cd "$tmp/$kind" || continue
  for file in *.*; do
    case $kind/$file in
    conf/*.toml) shown $kind "$file" config-show -c "$file" ;;
    check/*.toml) shown $kind "$file" check -c "$file" ;;
    eval/*.vsl) shown $kind "$file" eval "$file" ;;
    esac
  done
done
echo "golden $passed passed, $failed failed"
[ "$failed" -eq 0 ]
