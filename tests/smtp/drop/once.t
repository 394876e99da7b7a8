# killed between the commit and the deletion of the file: it is imported once
rules rules.vsl
mailbox bob@home.example
start
stop
input <<
Subject: once

text
.
exec sendmail -C ${DIR}/vsmtp.toml bob
env VSMTP_DIE_AT=drop
start
died
file-count queues/drop/* = 1
env VSMTP_DIE_AT=
start
file-count queues/drop/* = 0
file-count app/mailboxes/home.example/bob/Maildir/new/* = 1
until select count(*) from queue = 0
