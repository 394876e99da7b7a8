# nobody is written to more than thirty times an hour, however his address is written
rules <<
#{}
.
config <<
[server.smtp]
unknown_rcpt = "accept"
.
mailbox alice@home.example
each N 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 <<MAILS
mail alice@home.example nobody@home.example <<
Subject: ${N}

text
.
MAILS
each FROM ALICE@home.example alice@HOME.EXAMPLE alice+x@home.example <<MAILS
mail ${FROM} nobody@home.example <<
Subject: another

text
.
MAILS
file-count app/mailboxes/home.example/alice/Maildir/new/* = 30
until select count(*) from queue where last_reply = '5.1.1 no such mailbox here; sender not told: too many reports within an hour' = 1
until select count(*) from queue where queue <> 'dead' = 0
pause 61m
mail alice@home.example nobody@home.example <<
Subject: next hour

text
.
file-count app/mailboxes/home.example/alice/Maildir/new/* = 31
