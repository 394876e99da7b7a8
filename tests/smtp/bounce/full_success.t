# RET=FULL: a report of success has the header alone (RFC 3461 4.3)
rules <<
#{}
.
mailbox alice@home.example
mailbox bob@home.example
S 220
C EHLO me.example
S 250
C MAIL FROM:<alice@home.example> RET=FULL
S 250
C RCPT TO:<bob@home.example> NOTIFY=SUCCESS
S 250
C DATA
S 354
data <<
Subject: small

a small text
.
S 250
file-count app/mailboxes/home.example/alice/Maildir/new/* = 1
file-has app/mailboxes/home.example/alice/Maildir/new/* Subject: small
file-lacks app/mailboxes/home.example/alice/Maildir/new/* a small text
