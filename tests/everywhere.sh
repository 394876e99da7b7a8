#!/bin/bash
# tests/everywhere.sh [SUITE…]: both commands of README's first page on bare Debian machines.
#
#   make test-everywhere                      bookworm, trixie and sid
#   make test-everywhere SUITES=trixie        this one
#
# A machine is a folder made by debootstrap: a minimal system, git, make and sudo, kept under
# /var/tmp/vsmtp-everywhere (EVERYWHERE=DIR: elsewhere) and made anew when it is a week old. Commands
# run in it with mounts, processes and a host name of its own, as root and as a user with sudo, with
# the usual limit of 1024 open files, on a fresh clone of what is committed here. sid changes daily: it
# must build and serve, and its static program start. Needs root; logs are in build/everywhere.
set -u
cd "$(dirname "$0")/.." || exit 2
[ $# -gt 0 ] || set -- bookworm trixie sid
machines=${EVERYWHERE:-/var/tmp/vsmtp-everywhere}
logs=${B:-build}/everywhere
passed=0 failed=0 table=

[ "$(id -u)" -eq 0 ] || { echo "everywhere: debootstrap and mounts need root" >&2 && exit 77; }
command -v debootstrap >/dev/null ||
  apt-get -qq -y install --no-install-recommends debootstrap >/dev/null 2>&1 ||
  { echo "everywhere: there is no debootstrap here, and apt-get cannot install it" >&2 && exit 69; }
mkdir -p "$logs" "$machines" || exit 73

# Where this machine has its packages from.
mirror=$(sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) .*/\2/p' \
  /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null | head -n 1)
mirror=${mirror:-http://deb.debian.org/debian}

# make_machine SUITE
make_machine() {
  local root=$machines/$1 script=
  [ -z "$(find "$root/ready" -mtime -7 2>/dev/null)" ] || return 0
  echo "$1: making a minimal system, which takes about a minute"
  rm -rf --one-file-system "$root"
  [ -e "/usr/share/debootstrap/scripts/$1" ] || script=/usr/share/debootstrap/scripts/sid
  debootstrap --variant=minbase --include=git,make,sudo,ca-certificates \
    --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
    "$1" "$root" "$mirror" $script >"$logs/$1-debootstrap.log" 2>&1 || return 1
  cp /etc/apt/apt.conf.d/*proxy* /etc/apt/apt.conf.d/99* "$root/etc/apt/apt.conf.d/" 2>/dev/null
  printf '127.0.0.1 localhost\n127.0.1.1 bare-%s\n::1 localhost\n' "$1" >"$root/etc/hosts"
  echo "bare-$1" >"$root/etc/hostname"
  cp /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null
  chroot "$root" useradd -m -s /bin/bash somebody || return 1
  echo 'somebody ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/somebody"
  mkdir -p "$root/src" && : >"$root/ready"
}

# inside SUITE USER COMMAND
inside() {
  local home=/root
  [ "$2" = root ] || home=/home/$2
  root=$machines/$1 user=$2 home=$home what=$3 top=$PWD unshare --mount --pid --uts --fork \
    --kill-child --propagation private bash -c '
    hostname "$(cat "$root/etc/hostname")"
    mount --bind "$root" "$root"
    mount --bind "$top" "$root/src" && mount -o remount,bind,ro "$root/src"
    mount -t proc proc "$root/proc"
    mount -t sysfs -o ro sysfs "$root/sys"
    mount -t tmpfs -o mode=755 tmpfs "$root/run"
    mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts"
    rm -f "$root/dev/ptmx" && ln -s pts/ptmx "$root/dev/ptmx"
    mkdir -p "$root/dev/shm" "$root/run/lock"
    mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
    ulimit -Sn 1024
    exec env -i TERM=dumb HOME="$home" USER="$user" LOGNAME="$user" SHELL=/bin/bash LANG=C.UTF-8 \
      PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
      chroot --userspec="$user:$user" \
      --groups="$(chroot "$root" id -G "$user" | tr " " ,)" "$root" bash -c "cd && $what"'
}

clone='git config --global --add safe.directory "*" && rm -rf vsmtp keys run.log mail && git clone -q /src vsmtp && cd vsmtp'

# As a person would, at a terminal: the first page of README, then Ctrl-C, which is no failure.
serve='mkfifo ../keys || exit 1
script -qfec "make run" ../run.log <../keys >/dev/null &
shown=$!
exec 4>../keys
for _ in $(seq 900); do
  grep -q "^vsmtp serves" ../run.log && break
  kill -0 $shown || break
  sleep 1
done
printf "Subject: hello\n\nIt works.\n" | curl -sS --crlf -T - smtp://127.0.0.1:10025 \
  --mail-from me@elsewhere.example --mail-rcpt alice@home.example
for _ in $(seq 20); do
  cat run/app/mailboxes/home.example/alice/Maildir/new/* 2>/dev/null && break
  sleep 1
done >../mail
printf "\003" >&4
wait $shown
ended=$?
cat ../run.log ../mail
grep -q "It works" ../mail && exit $ended
exit 1'

# try SUITE USER NAME COMMAND
try() {
  local log=$logs/$1-$2-$3.log began=$SECONDS how=passed
  printf '%s, %s: make %s … ' "$1" "$2" "$3"
  if inside "$1" "$2" "$4" >"$log" 2>&1 </dev/null; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1)) how="failed: $log"
  fi
  printf '%s (%d s)\n' "$how" $((SECONDS - began))
  table+=$(printf '%-10s %-9s make %-7s %5d s  %s' "$1" "$2" "$3" $((SECONDS - began)) \
    "$(grep -aE '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1)")$'\n'
}

for suite; do
  if ! make_machine "$suite"; then
    echo "everywhere: cannot make a $suite: $(tail -n 1 "$logs/$suite-debootstrap.log")" >&2
    failed=$((failed + 1))
    continue
  fi
  for user in root somebody; do
    try "$suite" $user run "$clone && $serve"
    if [ "$suite" = sid ] || [ "$suite" = unstable ]; then
      try "$suite" $user static "$clone && make static && build/vsmtp-static --version"
    else
      try "$suite" $user test "cd vsmtp && make test"
    fi
  done
done
printf '\n%s%d passed, %d failed\n' "$table" "$passed" "$failed"
[ "$failed" -eq 0 ]
