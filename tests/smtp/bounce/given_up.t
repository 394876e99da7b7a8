# a rule that fails lets the mail wait: its sender is warned, and told when time is over
rules <<
#{ postq: [ rule "broken" || 1 / 0 ] }
.
mailbox alice@home.example
mailbox bob@home.example
mail alice@home.example bob@home.example <<
Subject: in vain

text
.
until select queue, attempts from queue where subject = 'in vain' = deferred|1
file-count app/mailboxes/home.example/alice/Maildir/new/* = 0
pause 5h
until select attempts from queue where subject = 'in vain' = 2
file-has app/mailboxes/home.example/alice/Maildir/new/* Action: delayed
pause 6d
until select queue from queue where subject = 'in vain' = dead
file-count app/mailboxes/home.example/alice/Maildir/new/* = 2
file-has app/mailboxes/home.example/alice/Maildir/new/* Action: failed
file-has app/mailboxes/home.example/alice/Maildir/new/* It was tried again and again, but not accepted in time.
db select last_reply from queue where subject = 'in vain' = given up: 4.3.5 rule "broken" failed
