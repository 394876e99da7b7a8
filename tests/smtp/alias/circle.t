# circles end; who has a mailbox in them gets a copy; a circle without any is nobody
config <<
[app.aliases]
alice = ["alice", "bob"]
bob = ["alice"]
a = ["b"]
b = ["c"]
c = ["a"]
long1 = ["long2"]
long2 = ["long3"]
long3 = ["long4"]
long4 = ["alice"]
.
rules <<
#{}
.
mailbox alice@home.example
mail x@y.example alice@home.example <<
Subject: copy

text
.
until select count(*) from queue = 0
file-count app/mailboxes/home.example/alice/Maildir/new/* = 1
mail x@y.example long1@home.example <<
Subject: chain

text
.
file-count app/mailboxes/home.example/alice/Maildir/new/* = 2
S 220
C EHLO me
S 250
C MAIL FROM:<x@y.example>
S 250
C RCPT TO:<a@home.example>
S 550 5.1.1
