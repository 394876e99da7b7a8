# a sender who is an alias of ours gets his report where the alias leads
rules <<
#{}
.
config <<
[server.smtp]
unknown_rcpt = "accept"
[app.aliases]
"sales@home.example" = ["alice@home.example", "carol@home.example"]
.
mailbox alice@home.example
mailbox carol@home.example
mail sales@home.example nobody@home.example <<
Subject: from all of us

text
.
file-has app/mailboxes/home.example/alice/Maildir/new/* Action: failed
file-has app/mailboxes/home.example/carol/Maildir/new/* To: <sales@home.example>
