#!/bin/sh
# try.sh FOLDER: this example served from FOLDER, where a copy of it is made the first time.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
program=$here/../../../${B:-build}/vsmtp
mkdir -p "$1/app/mailboxes/home.example/alice"
for file in vsmtp.toml main.vsl objects.vsl; do
  [ -e "$1/$file" ] || cp "$here/$file" "$1/$file"
done
# Somebody else than root needs a user of its own: see server.system in vsmtp.toml.
if [ "$(id -u)" -eq 0 ] && ! grep -q '^\[server.system\]' "$1/vsmtp.toml"; then
  printf '\n[server.system]\nuser = "root"\ngroup = "root"\n' >>"$1/vsmtp.toml"
fi

cat <<TEXT

vsmtp serves home.example on 127.0.0.1:10025, with all it has in $1/. In another terminal:

  # a mail for alice; it arrives in her Maildir
  printf 'Subject: hello\n\nHi Alice\n' | curl -sS smtp://127.0.0.1:10025 --crlf -T - \\
    --mail-from you@elsewhere.example --mail-rcpt alice@home.example
  cat $1/app/mailboxes/home.example/alice/Maildir/new/*

  # a mail for somebody elsewhere is refused: no relaying
  printf 'Subject: hello\n\nHi\n' | curl -sS smtp://127.0.0.1:10025 --crlf -T - \\
    --mail-from you@elsewhere.example --mail-rcpt bob@elsewhere.example

  # a mail with [hold] in its subject is set aside; look at it, then let it go
  printf 'Subject: a [hold] please\n\nHi Alice\n' | curl -sS smtp://127.0.0.1:10025 --crlf -T - \\
    --mail-from you@elsewhere.example --mail-rcpt alice@home.example
  sqlite3 -header -column $1/queue/vsmtp.db "SELECT id, queue, mail_from, subject FROM quarantine"
  sqlite3 $1/queue/vsmtp.db ".timeout 10000" "UPDATE quarantine SET queue = 'deliver' WHERE queue = 'demo'"

The rules are $1/main.vsl, the configuration $1/vsmtp.toml. Ctrl-C ends.

TEXT
exec "$program" -c "$1/vsmtp.toml" --stdout
