# the aliases of a fresh system lead to a root without a mailbox: somebody must have postmaster's mail
file aliases <<
postmaster: root
mailer-daemon: postmaster
.
config <<
[server.virtual."shop.example"]
[app]
aliases_file = "aliases"
.
rules <<
#{}
.
mail x@y.example postmaster@home.example <<
Subject: one

text
.
file-has app/mailboxes/home.example/postmaster/Maildir/new/* "Subject: one"
mail x@y.example Postmaster@shop.example <<
Subject: two

text
.
file-has app/mailboxes/home.example/postmaster/Maildir/new/* "Subject: two"
include ../_rcpt.t FROM=x@y.example TO=postmaster
C RCPT TO:<root@home.example>
S 550 5.1.1
