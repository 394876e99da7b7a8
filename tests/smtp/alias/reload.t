# SIGHUP reads the aliases file again
file aliases <<
sales: alice
.
config <<
[app]
aliases_file = "aliases"
.
rules <<
#{}
.
mailbox alice@home.example
mailbox bob@home.example
mail x@y.example sales@home.example <<
Subject: one

text
.
file-has app/mailboxes/home.example/alice/Maildir/new/* "Subject: one"
file aliases <<
sales: |nobody
.
signal HUP
log ~ aliases:1:8: no alias runs a program
log ~ reload failed
file aliases <<
sales: bob
.
signal HUP
log ~ reloaded
mail x@y.example sales@home.example <<
Subject: two

text
.
file-has app/mailboxes/home.example/bob/Maildir/new/* "Subject: two"
