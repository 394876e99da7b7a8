# a label behind + goes to whoever has the name before it, unless somebody has the whole
config <<
[app.aliases]
"info+list" = ["bob"]
info = ["alice"]
.
rules <<
#{}
.
mailbox alice@home.example
mailbox bob@home.example
mail x@y.example alice+shop@home.example <<
Subject: one

text
.
file-has app/mailboxes/home.example/alice/Maildir/new/* "Delivered-To: alice+shop@home.example\n"
mail x@y.example info+any@home.example <<
Subject: two

text
.
file-has app/mailboxes/home.example/alice/Maildir/new/* "Subject: two"
mail x@y.example info+list@home.example <<
Subject: three

text
.
file-has app/mailboxes/home.example/bob/Maildir/new/* "Subject: three"
S 220
C EHLO me
S 250
C MAIL FROM:<x@y.example>
S 250
C RCPT TO:<carol+shop@home.example>
S 550 5.1.1
C RCPT TO:<+shop@home.example>
S 550 5.1.1
