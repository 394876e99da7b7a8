# sendmail leaves a mail; the server takes it within a second, through mail, rcpt and preq
rules rules.vsl
mailbox bob@home.example
mailbox carol@home.example
start
input <<END
Subject: left here
To: bob, Carol <carol@home.example>
Bcc: bob@home.example

a line
.
..
the last
END
exec sendmail -C ${DIR}/vsmtp.toml -t -i -f alice@home.example
file-has app/mailboxes/home.example/bob/Maildir/new/* "Subject: left here"
file-has app/mailboxes/home.example/carol/Maildir/new/* "Subject: left here"
file-has app/mailboxes/home.example/bob/Maildir/new/* "Return-Path: <alice@home.example>"
file-has app/mailboxes/home.example/bob/Maildir/new/* "To: bob@home.example, Carol <carol@home.example>"
file-has app/mailboxes/home.example/bob/Maildir/new/* "From: "
file-has app/mailboxes/home.example/bob/Maildir/new/* "<alice@home.example>"
file-has app/mailboxes/home.example/bob/Maildir/new/* "X-Facts: 127.0.0.1 home.example true "
file-has app/mailboxes/home.example/bob/Maildir/new/* "Received: by home.example (vsmtp, from userid "
file-lacks app/mailboxes/home.example/bob/Maildir/new/* "Bcc"
file-has app/mailboxes/home.example/bob/Maildir/new/* "a line\n.\n..\nthe last"
file-count queues/drop/* = 0
file-count app/mailboxes/home.example/bob/Maildir/new/* = 1
until select count(*) from queue = 0
db select count(*) from dropped = 1
