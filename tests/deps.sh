#!/bin/sh
# tests/deps.sh: installs what `make run`, `make test`, … need and this machine lacks.
#
#   tests/deps.sh run|test|bench|cross ARCH
#   tests/deps.sh lists        only refreshes apt's lists of packages
#
# A package counts as present when what it is needed for is: a command, or a header the compiler
# finds. Nothing missing, nothing done. apt is never asked a question, takes no recommended
# packages, and no daemon is on these lists: see peers.sh for those.
set -eu
cd "$(dirname "$0")/.."

# package, and the command or header it is needed for
run='gcc cc
libc6-dev stdio.h
pkg-config pkg-config
libmbedtls-dev mbedtls/ssl.h
libc-ares-dev ares.h
libspf2-dev spf2/spf.h
libsqlite3-dev sqlite3.h
libpcre2-dev pcre2.h
sqlite3 sqlite3
curl curl'
test="$run
clang clang
clang-format clang-format
python3 python3
openssl openssl
swaks swaks
msmtp msmtp"
bench="$run
openssl openssl
python3 python3"

cross() {
  case $1 in
  arm64) t=aarch64-linux-gnu q=aarch64 ;;
  armhf) t=arm-linux-gnueabihf q=arm ;;
  armel) t=arm-linux-gnueabi q=arm ;;
  mipsel) t=mipsel-linux-gnu q=mipsel ;;
  *) echo "deps: no such architecture: $1 (arm64, armhf, armel, mipsel)" >&2 && exit 64 ;;
  esac
  echo "gcc-$t $t-gcc
libc6-dev-$1-cross /usr/$t/include/stdio.h
qemu-user-static qemu-$q-static
curl curl
python3 python3"
}

present() {
  case $1 in
  /*) [ -e "$1" ] ;;
  *.h) printf '#define PCRE2_CODE_UNIT_WIDTH 8\n#include <%s>\n' "$1" | cc -E - >/dev/null 2>&1 ;;
  *) command -v "$1" >/dev/null 2>&1 ;;
  esac
}

missing() {
  echo "$1" | while read -r package probe; do
    present "$probe" || printf ' %s' "$package"
  done
}

# apt CALL...: as root, quiet unless it fails
apt() {
  log=$(mktemp)
  if ! $sudo env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq -y \
    "$@" >"$log" 2>&1 </dev/null; then
    cat "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

# Sets sudo to what is needed to become root, or explains what a person must type.
become_root() {
  sudo=
  [ "$(id -u)" -ne 0 ] || return 0
  sudo=sudo
  if ! command -v sudo >/dev/null || { ! sudo -n true 2>/dev/null && ! [ -t 0 ]; }; then
    echo "deps: not root and no sudo without a terminal; please run as root: apt-get $*" >&2
    exit 77
  fi
}

case ${1-} in
run | test | bench) eval "list=\$$1" ;;
cross) list=$(cross "${2-}") ;;
lists) become_root update; apt update; exit 0 ;;
*) echo "usage: deps.sh run|test|bench|cross ARCH|lists" >&2 && exit 64 ;;
esac

want=$(missing "$list")
[ -n "$want" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1; then
  echo "deps: please install, by the names your system gives them:$want" >&2
  exit 69
fi
# shellcheck disable=SC2086 # a list of words
become_root install $want
# shellcheck disable=SC2086 # a list of words
{
  set -- $want
  echo "installing $# packages and what they need, which may take a minute:$want" >&2
}
# Lists of packages that are old or missing name none that can be had.
# shellcheck disable=SC2086 # a list of words
apt install --no-install-recommends $want 2>/dev/null ||
  { echo "fetching the lists of packages first" >&2 && apt update &&
    apt install --no-install-recommends $want; } ||
  { echo "deps: apt-get could not install$want" >&2 && exit 69; }
want=$(missing "$list")
[ -z "$want" ] || { echo "deps: still missing:$want" >&2 && exit 69; }
