# RET=FULL: a small message goes back whole, of any other the header
rules <<
#{}
.
config <<
[server.smtp]
unknown_rcpt = "accept"
.
mailbox alice@home.example
mailbox carol@home.example
S 220
C EHLO me.example
S 250
C MAIL FROM:<alice@home.example> RET=FULL
S 250
C RCPT TO:<nobody@home.example>
S 250
C DATA
S 354
data <<
Subject: small

a small text
.
S 250
file-count app/mailboxes/home.example/alice/Maildir/new/* = 1
file-has app/mailboxes/home.example/alice/Maildir/new/* a small text
file-has app/mailboxes/home.example/alice/Maildir/new/* It is attached.
C MAIL FROM:<carol@home.example> RET=FULL
S 250
C RCPT TO:<nobody@home.example>
S 250
C DATA
S 354
data <<
Subject: large

${The quick brown fox. *2000}
.
S 250
file-count app/mailboxes/home.example/carol/Maildir/new/* = 1
file-lacks app/mailboxes/home.example/carol/Maildir/new/* The quick brown fox
file-has app/mailboxes/home.example/carol/Maildir/new/* Its header is attached; its text is not sent back.
