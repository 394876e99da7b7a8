# who was refused is told of as who was asked for, not as one whom a rule added, and NOTIFY counts for him
# also where others were accepted
rules rules.vsl
mailbox bob@home.example
mailbox alice@home.example
start
input <<
Subject: only good news

text
.
exec sendmail -C ${DIR}/vsmtp.toml -N success -f alice@home.example enemy
file-count queues/drop/* = 0
until select count(*) from recipient where address = 'enemy@home.example' and status = 'failed' = 1
db select last_reply from recipient where address = 'enemy@home.example' = "550 5.7.1 not to the enemy; sender not told: he asked not to be"
input <<
Subject: only good news for both

text
.
exec sendmail -C ${DIR}/vsmtp.toml -N success -f alice@home.example enemy bob
file-count queues/drop/* = 0
file-count app/mailboxes/home.example/bob/Maildir/new/* = 1
until select count(*) from recipient where last_reply like '%he asked not to be' = 2
file-lacks app/mailboxes/home.example/alice/Maildir/new/* enemy@home.example
