# what sendmail is called with
rules rules.vsl
mailbox bob@home.example
start
exec sendmail -C ${DIR}/vsmtp.toml
exit 64
err sendmail: no recipient is named
exec sendmail -C ${DIR}/vsmtp.toml -Z bob
exit 64
exec sendmail -C ${DIR}/vsmtp.toml -bd
exit 64
exec sendmail -C ${DIR}/none.toml bob
exit 74
# what would not be taken later, or would be a line of its own there
exec sendmail -C ${DIR}/vsmtp.toml -Nlater bob
exit 64
exec sendmail -C ${DIR}/vsmtp.toml "-Nsuccess\nfrom x" bob
exit 64
exec sendmail -C ${DIR}/vsmtp.toml -Vä bob
exit 64
exec sendmail -C ${DIR}/vsmtp.toml a@b@c
exit 65
err sendmail: no address: *
exec sendmail -C ${DIR}/vsmtp.toml -bi
input <<
To: two words

x
.
exec sendmail -C ${DIR}/vsmtp.toml -t
exit 65
input <<
Subject: nobody

x
.
exec sendmail -C ${DIR}/vsmtp.toml -t
exit 65
file-count queues/drop/* = 0
# a dot ends the text, unless -i or -oi
input <<
Subject: dot

before
.
exec sendmail -C ${DIR}/vsmtp.toml -FCronDaemon -odi -oem -B8BITMIME bob
file-has app/mailboxes/home.example/bob/Maildir/new/* "Subject: dot"
file-has app/mailboxes/home.example/bob/Maildir/new/* "From: CronDaemon <"
exec mailq -c ${DIR}/vsmtp.toml
out the queue is empty
exec sendmail -C ${DIR}/vsmtp.toml -bp
out the queue is empty
exec sendmail -C ${DIR}/vsmtp.toml -q
