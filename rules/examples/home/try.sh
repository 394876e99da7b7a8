#!/bin/sh
# try.sh FOLDER: this example served from FOLDER, where a copy of it is made the first time. It says
# what to try as soon as the server listens; those commands stand in README.md, too ("Try it"). Ctrl-C
# ends the server and nothing else, with status 0.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=${B:-build} folder=$1
program=$here/../../../$build/vsmtp

for place in "$folder" "$folder/queue" "$folder/app" "$folder/log"; do
  if [ ! -e "$place" ] || [ -w "$place" ]; then continue; fi
  echo "$place is $(stat -c %U "$place")'s, who started this before. Make it all yours, or begin anew:" >&2
  echo "  sudo chown -R $(id -un) $folder        # or: sudo rm -r $folder" >&2
  exit 77
done
mkdir -p "$folder/app/mailboxes/home.example/alice"
for file in vsmtp.toml main.vsl objects.vsl; do
  [ -e "$folder/$file" ] || cp "$here/$file" "$folder/$file"
done
# Somebody else than root needs a user of its own: see server.system in vsmtp.toml.
if [ "$(id -u)" -eq 0 ] && ! grep -q '^\[server.system\]' "$folder/vsmtp.toml"; then
  printf '\n[server.system]\nuser = "root"\ngroup = "root"\n' >>"$folder/vsmtp.toml"
fi

# Read from a descriptor, so that nothing in it is expanded.
what_to_try() {
  sed -e "s|@FOLDER@|$folder|g" -e "s|@BUILD@|$build|g" -e "s|127.0.0.1:10025|$1|g" <<'TEXT'

vsmtp serves home.example on 127.0.0.1:10025, with all it has in @FOLDER@/. In a second terminal, in this
folder, send alice a mail:

    printf 'Subject: hello\n\nIt works.\n' | curl -sS --crlf -T - smtp://127.0.0.1:10025 \
      --mail-from me@elsewhere.example --mail-rcpt alice@home.example

and, a moment later, read it:

    cat @FOLDER@/app/mailboxes/home.example/alice/Maildir/new/*

Try to use the server as a relay; it is refused with 554:

    printf 'Subject: spam\n\n' | curl -sS --crlf -T - smtp://127.0.0.1:10025 \
      --mail-from me@elsewhere.example --mail-rcpt victim@elsewhere.example

Send one that the example's rules set aside:

    printf 'Subject: [hold] have a look\n\nHm.\n' | curl -sS --crlf -T - smtp://127.0.0.1:10025 \
      --mail-from me@elsewhere.example --mail-rcpt alice@home.example

Look at it, and let it through:

    @BUILD@/vsmtp quarantine -c @FOLDER@/vsmtp.toml
    sqlite3 -header @FOLDER@/queue/vsmtp.db "SELECT * FROM quarantine"
    sqlite3 @FOLDER@/queue/vsmtp.db ".timeout 10000" \
      "UPDATE quarantine SET queue = 'deliver' WHERE queue = 'demo'"

The rules are @FOLDER@/main.vsl, the configuration @FOLDER@/vsmtp.toml. Ctrl-C ends the server.

TEXT
}

# What the server prints goes through here; the first line that it listens is when it serves. At the end
# the pipe is removed, which tells that all was printed.
relay() {
  told=
  while IFS= read -r line; do
    printf '%s\n' "$line"
    case $told$line in
    "listening on "*) what_to_try "${line#listening on }" && told=1 ;;
    esac
  done
  rm -f "$says"
}

# A terminal sends Ctrl-C to every process of the group in its foreground. The server gets a group of
# its own, so that make, which would call the recipe failed, hears nothing. Where there is no terminal,
# or another group has it, all stays as it is.
in_front() {
  read -r _ _ _ _ group _ _ front _ <"/proc/$$/stat" && [ "$group" = "$front" ] && : </dev/tty
}
# Whoever ends this script by a signal ends the server as well.
with_me=
if setpriv --pdeathsig TERM true 2>/dev/null; then with_me='setpriv --pdeathsig TERM'; fi
says=$folder/.says
rm -f "$says"
mkfifo "$says"
(relay <"$says" &) # no job of this shell, which would say when it is done
trap : INT
if (in_front) 2>/dev/null; then set -m; fi
code=0
# shellcheck disable=SC2086 # a command and its options, or nothing
$with_me "$program" -c "$folder/vsmtp.toml" --stdout >"$says" || code=$?
set +m
tries=0
while [ -e "$says" ] && [ $((tries += 1)) -le 50 ]; do sleep 0.1; done
[ "$code" -ne 0 ] || echo "vsmtp has ended; \`make run\` starts it again, with all it has in $folder/."
exit "$code"
