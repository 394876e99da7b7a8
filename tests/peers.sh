#!/bin/sh
# tests/peers.sh: programs of other people that tests run, without installing them.
#
#   tests/peers.sh PACKAGE…     prints the folder they are in
#
# Each package, with the packages it needs that are not installed here, is downloaded and unpacked
# under build/peers/root; no daemon is started, nothing of the system is replaced, no root is
# needed. What was unpacked once is not asked for again, so the second time needs no network.
set -eu
cd "$(dirname "$0")/.."
peers=${B-build}/peers
mkdir -p "$peers/root" "$peers/deb" "$peers/none/partial"
peers=$(cd "$peers" && pwd)

# name, version and dependencies of PACKAGE that a plain installation would bring. The folder of
# archives is an empty one: what lies there already is not listed.
closure() {
  apt-get install --no-install-recommends --reinstall --print-uris -qq -y -o Debug::NoLocking=1 \
    -o Dir::Cache::archives="$peers/none" "$1" </dev/null |
    sed -n "s/^'[^']*' \([^_]*\)_[^ ]* .*/\1/p"
}

fetch() {
  list=$(closure "$1") || return 1
  [ -n "$list" ] || return 1
  # shellcheck disable=SC2086 # a list of words
  set -- "$1" $list
  echo "peers: downloading and unpacking $1 with what it needs, $(($# - 1)) packages" >&4
  # shellcheck disable=SC2086 # a list of words
  (cd "$peers/deb" && apt-get download -qq -o APT::Sandbox::User= $list) || return 1
  for name in $list; do # each once: somebody may be running what is there
    [ -e "$peers/deb/$name.done" ] && continue
    for deb in "$peers/deb/$name"_*.deb; do dpkg-deb -x "$deb" "$peers/root" || return 1; done
    : >"$peers/deb/$name.done"
  done
  for dir in bin sbin lib; do # one place for each kind, as where /usr is merged
    [ -d "$peers/root/$dir" ] || continue
    mkdir -p "$peers/root/usr/$dir"
    cp -a "$peers/root/$dir/." "$peers/root/usr/$dir/" && rm -rf "$peers/root/${dir:?}"
  done
}

# What it says of itself goes to standard error, also where that of apt is thrown away.
exec 4>&2
# One at a time: what others unpack meanwhile is waited for.
for package in "$@"; do [ -e "$peers/$package.done" ] || lacking=1; done
[ -z "${lacking-}" ] || { exec 9>"$peers/lock" && flock 9; }

for package in "$@"; do
  [ -e "$peers/$package.done" ] && continue
  command -v apt-get >/dev/null || { echo "peers: $package needs apt-get" >&2 && exit 69; }
  fetch "$package" 2>/dev/null || { tests/deps.sh lists && fetch "$package"; } || { echo "peers: cannot download $package" >&2 && exit 69; }
  : >"$peers/$package.done"
done
echo "$peers/root"
