# addresses and text beyond ASCII
rules <<
#{ connect: [ rule "all" || accept() ] }
.
config <<
[server.smtp]
unknown_rcpt = "accept"
.
mailbox bob@home.example
start
input <<
To: Jörg <jörg@home.example>, bob
Subject: grüße

größer
.
exec sendmail -C ${DIR}/vsmtp.toml -t -F Jürgen
file-has app/mailboxes/home.example/bob/Maildir/new/* "größer"
file-has app/mailboxes/home.example/bob/Maildir/new/* "From: =?utf-8?B?SsO8cmdlbg==?= <"
file-has app/mailboxes/home.example/bob/Maildir/new/* "To: Jörg <jörg@home.example>, bob@home.example"
until select address from recipient where address like 'j%' = jörg@home.example
