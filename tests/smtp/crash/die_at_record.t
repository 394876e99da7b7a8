# the power fails when a delivery's outcome is recorded: tried again, delivered once
rules <<
#{}
.
mailbox bob@home.example
mailbox alice@home.example
env VSMTP_DIE_AT=record
include ../_rcpt.t FROM=a@b.example TO=bob@home.example
C RCPT TO:<alice@home.example>
S 250
C DATA
S 354
data <<
Subject: once

text
.
S 250
died
env VSMTP_DIE_AT=
start
until select count(*) from queue = 0
file-count app/mailboxes/home.example/bob/Maildir/new/* = 1
file-count app/mailboxes/home.example/alice/Maildir/new/* = 1
file-count app/mailboxes/home.example/*/Maildir/tmp/* = 0
