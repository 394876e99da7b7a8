config <<
[app.aliases]
"sales@home.example" = ["bob@home.example", "alice@home.example"]
.
rules <<
#{}
.
mailbox bob@home.example
mailbox alice@home.example
mail a@b.example sales@home.example <<
Subject: x

text
.
file-count app/mailboxes/home.example/bob/Maildir/new/* = 1
file-count app/mailboxes/home.example/alice/Maildir/new/* = 1
