# the server is down: sendmail exits with 0, and everything is there after the start
rules rules.vsl
mailbox bob@home.example
start
stop
each N 1 2 3 4 5 6 7 8 9 <<END
input <<
Subject: number ${N}

text
.
exec sendmail -C ${DIR}/vsmtp.toml bob
END
file-count queues/drop/* = 9
start
file-count app/mailboxes/home.example/bob/Maildir/new/* = 9
file-has app/mailboxes/home.example/bob/Maildir/new/* "Subject: number 7"
file-count queues/drop/* = 0
