# a mailbox that cannot be written is tried again, later and later
rules <<
#{}
.
config <<
[server.queues]
delivery.deferred_retry_period = "10s"
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
db select queue from queue = deferred
pause 25s
until select attempts from recipient = 2
pause 50s
until select attempts from recipient = 3
