# a refusal by a rule becomes a report to whoever left the mail; the others get it
rules rules.vsl
mailbox bob@home.example
mailbox alice@home.example
start
input <<
Subject: to two

text
.
exec sendmail -C ${DIR}/vsmtp.toml -f alice@home.example bob enemy
file-has app/mailboxes/home.example/bob/Maildir/new/* "Subject: to two"
file-has app/mailboxes/home.example/alice/Maildir/new/* "enemy@home.example"
file-has app/mailboxes/home.example/alice/Maildir/new/* "550 5.7.1 not to the enemy"
file-has app/mailboxes/home.example/alice/Maildir/new/* "Subject: to two"
file-count app/mailboxes/home.example/alice/Maildir/new/* = 1
file-count queues/drop/* = 0
# the null sender is told nothing
input <<
Subject: to nobody

text
.
exec sendmail -C ${DIR}/vsmtp.toml -f <> enemy
file-count queues/drop/* = 0
until select count(*) from queue where queue <> 'dead' = 0
file-count app/mailboxes/home.example/*/Maildir/new/* = 2
