# a rule chooses how a recipient is delivered
rules <<
#{ rcpt: [ rule "mbox" || { if ctx().rcpt.local_part == "bob" { mbox("bob@home.example"); } next() } ] }
.
mailbox bob@home.example
mail a@b.example bob@home.example <<
Subject: x

From here
text
.
file-has app/mailboxes/home.example/bob/mbox "\n>From here\n"
