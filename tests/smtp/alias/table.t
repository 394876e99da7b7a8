# one address for several people; who is in two of them gets it once; the case of names does not matter
config <<
[app.aliases]
root = ["alice"]
sales = ["alice", "bob@home.example", "team"]
team = ["bob", "carol"]
.
rules <<
#{}
.
mailbox alice@home.example
mailbox bob@home.example
mailbox carol@home.example
mail a@b.example Sales@HOME.example alice@home.example <<
Subject: to sales

text
.
until select count(*) from queue = 0
file-count app/mailboxes/home.example/*/Maildir/new/* = 3
file-has app/mailboxes/home.example/bob/Maildir/new/* "Delivered-To: bob@home.example\n"
file-has app/mailboxes/home.example/bob/Maildir/new/* "to sales"
mail a@b.example root@home.example <<
Subject: to root

text
.
file-has app/mailboxes/home.example/alice/Maildir/new/* "for <root@home.example>"
let ID select id from trace where status = 'alias' and detail like 'root%'
run explain ${ID}
out *alias*root@home.example: alice@home.example*
