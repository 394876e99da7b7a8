# refused for now: tried again, until its time is over; then it is reported
rules rules.vsl
mailbox bob@home.example
mailbox alice@home.example
mailbox later@home.example
start
input <<
Subject: wait

text
.
exec sendmail -C ${DIR}/vsmtp.toml -f alice@home.example later bob
log ~ *put off*
file-count queues/drop/* = 1
db select count(*) from queue = 0
file-count app/mailboxes/home.example/bob/Maildir/new/* = 0
# a reload with kinder rules, and an hour
rules <<
#{ connect: [ rule "all" || accept() ] }
.
signal HUP
log ~ *reloaded*
pause 1h
file-has app/mailboxes/home.example/bob/Maildir/new/* "Subject: wait"
file-has app/mailboxes/home.example/later/Maildir/new/* "Subject: wait"
file-count queues/drop/* = 0
