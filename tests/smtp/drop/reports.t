# what sendmail is told about reports reaches the queue (RFC 3461)
rules rules.vsl
mailbox bob@home.example
mailbox alice@home.example
start
input <<
Subject: tell me

text
.
exec sendmail -C ${DIR}/vsmtp.toml -N success -R hdrs -V id=1 -f alice@home.example bob
file-has app/mailboxes/home.example/alice/Maildir/new/* "Original-Envelope-Id: id=1"
file-has app/mailboxes/home.example/alice/Maildir/new/* "Action: delivered"
input <<
Subject: do not tell me

text
.
exec sendmail -C ${DIR}/vsmtp.toml -N never -f alice@home.example enemy
file-count queues/drop/* = 0
until select count(*) from queue where queue <> 'dead' = 0
file-count app/mailboxes/home.example/alice/Maildir/new/* = 1
