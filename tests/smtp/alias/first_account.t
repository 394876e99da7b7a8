# "first account": the mailbox postmaster, until there is an account; then the oldest one, at once
rules <<
#{}
.
config <<
[app.aliases]
postmaster = ["first account"]
root = ["postmaster"]
abuse = ["postmaster"]
carol = ["first account", "carol@far.example"]
.
run check
err !~ *reach*
mail x@y.example postmaster@home.example <<
Subject: one

.
file-has app/mailboxes/home.example/postmaster/Maildir/new/* "Subject: one"
mail x@y.example root@home.example <<
Subject: two

.
file-has app/mailboxes/home.example/postmaster/Maildir/new/* "Subject: two"
input <<
open sesame
.
run user add dora@home.example
pause 1s
input <<
open sesame
.
run user add bob@home.example
mail x@y.example abuse@home.example <<
Subject: three

.
file-has app/mailboxes/home.example/dora/Maildir/new/* "Subject: three"
mail x@y.example postmaster@home.example <<
Subject: four

.
file-has app/mailboxes/home.example/dora/Maildir/new/* "Subject: four"
file-lacks app/mailboxes/home.example/postmaster/Maildir/new/* "Subject: four"
# without her it is the next one, and without any the mailbox again
run user remove dora@home.example
mail x@y.example postmaster@home.example <<
Subject: five

.
file-has app/mailboxes/home.example/bob/Maildir/new/* "Subject: five"
run user remove bob@home.example
mail x@y.example postmaster@home.example <<
Subject: six

.
file-has app/mailboxes/home.example/postmaster/Maildir/new/* "Subject: six"
