# a mail that waits for four hours: its sender is told so, once
rules <<
#{}
.
config <<
[server.queues]
delivery.deferred_retry_period = "10s"
.
mailbox alice@home.example
mailbox bob@home.example
file app/mailboxes/home.example/bob/Maildir <<
a file where a folder should be
.
mail alice@home.example bob@home.example <<
Subject: later

text
.
until select attempts from recipient = 1
pause 1h
until select attempts from recipient = 2
file-count app/mailboxes/home.example/alice/Maildir/new/* = 0
pause 4h
until select attempts from recipient = 3
file-count app/mailboxes/home.example/alice/Maildir/new/* = 1
file-has app/mailboxes/home.example/alice/Maildir/new/* Subject: Not delivered yet: later
file-has app/mailboxes/home.example/alice/Maildir/new/* You need not do anything: it is tried again until
file-has app/mailboxes/home.example/alice/Maildir/new/* Action: delayed
file-has app/mailboxes/home.example/alice/Maildir/new/* Will-Retry-Until:
pause 6h
until select attempts from recipient = 4
file-count app/mailboxes/home.example/alice/Maildir/new/* = 1
# and when its time is over, that it failed
pause 6d
until select queue from queue where subject = 'later' = dead
file-count app/mailboxes/home.example/alice/Maildir/new/* = 2
file-has app/mailboxes/home.example/alice/Maildir/new/* Subject: Not delivered: later
file-has app/mailboxes/home.example/alice/Maildir/new/* Status: 5.4.7
