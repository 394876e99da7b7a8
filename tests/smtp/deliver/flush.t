# SIGUSR1 tries everything that waits
rules <<
#{}
.
mailbox bob@home.example
file app/mailboxes/home.example/bob/Maildir <<
a file where a folder should be
.
mail a@b.example bob@home.example <<
Subject: x

text
.
until select attempts from recipient = 1
signal USR1
until select attempts from recipient = 2
# which makes no later pause longer
db select by_hand from rcpt = 1
