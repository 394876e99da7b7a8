#!/bin/sh
# tests/cross.sh ARCH: vsmtp for another processor, fully static: build/cross/ARCH/vsmtp.
#
# The libraries are Debian's packages of that architecture, fetched with an apt state of their own
# and unpacked in build/cross/ARCH/root: the machine gets a compiler (deps.sh) and nothing else.
# armel also runs on a Pi Zero (ARMv6), armhf needs ARMv7; mipsel is hard-float (no OpenWrt).
set -eu
cd "$(dirname "$0")/.."
arch=${1-}
case $arch in
arm64) target=aarch64-linux-gnu ;;
armhf) target=arm-linux-gnueabihf ;;
armel) target=arm-linux-gnueabi ;;
mipsel) target=mipsel-linux-gnu ;;
*) echo "usage: make cross ARCH=arm64|armhf|armel|mipsel" >&2 && exit 64 ;;
esac
tests/deps.sh cross "$arch"

dir=${B:-build}/cross/$arch
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
packages='libmbedtls-dev libc-ares-dev libspf2-dev libsqlite3-dev libpcre2-dev'

# apt-get, as if this were a machine of that architecture with nothing installed
foreign() {
  apt-get -qq -o Dir::Etc::sourcelist="$dir/apt/sources.list" -o Dir::Etc::sourceparts=- \
    -o Dir::State::Lists="$dir/apt/lists" -o Dir::State::status="$dir/apt/status" \
    -o Dir::Cache="$dir/apt/cache" -o APT::Architecture="$arch" -o APT::Architectures::="$arch" \
    -o APT::Sandbox::User= "$@"
}

# The same mirrors and suites as this machine's, if they are Debian's.
sources() {
  apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(CODENAME) $(COMPONENT)' \
    'Created-By: Packages' 2>/dev/null | awk -v arch="$arch" '
      $1 == "Debian" && !seen[$0]++ { print "deb [arch=" arch "] " $2, $3, $4; found = 1 }
      END {
        if (!found) print "deb [arch=" arch "] http://deb.debian.org/debian bookworm main"
      }'
}

if ! [ -e "$dir/root.done" ]; then
  rm -rf "$dir/apt" "$dir/root"
  mkdir -p "$dir/apt/lists/partial" "$dir/apt/cache/archives/partial" "$dir/root"
  : >"$dir/apt/status"
  sources >"$dir/apt/sources.list"
  # A mirror may be half-way through a change: what the other lists have will do, but say so.
  foreign update || echo 'cross: not every list of packages could be had' >&2
  # shellcheck disable=SC2086 # a list of words
  (cd "$dir/apt" && foreign download $packages)
  for deb in "$dir"/apt/*.deb; do dpkg-deb -x "$deb" "$dir/root"; done
  rm -rf "$dir/apt"
  : >"$dir/root.done"
fi

usr=$dir/root/usr
pie='-static'
[ -e "$($target-gcc -print-file-name=rcrt1.o)" ] && pie='-static-pie -fPIE'
# shellcheck disable=SC2086 # a list of words
$target-gcc -std=c11 ${WARN-} ${CFLAGS-} -Os $pie -s -fstack-protector-strong -D_FORTIFY_SOURCE=2 \
  -ffunction-sections -fdata-sections -Wl,--gc-sections,-z,relro,-z,now,-T,tests/static.ld \
  -isystem "$usr/include" -isystem "$usr/include/$target" -o "$dir/vsmtp" dist/vsmtp.c \
  -L"$usr/lib/$target" -L"$usr/lib" \
  -lmbedtls -lmbedx509 -lmbedcrypto -lcares -lspf2 -lsqlite3 -lpcre2-8 -lm
ls -l "$dir/vsmtp" | awk '{ print $NF ": " $5 " bytes, fully static" }'
