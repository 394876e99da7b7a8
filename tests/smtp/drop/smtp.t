# sendmail -bs: a conversation with a pipe
rules rules.vsl
mailbox bob@home.example
start
input <<END
EHLO me
MAIL FROM:<alice@home.example> BODY=8BITMIME
RCPT TO:<bob@home.example>
DATA
Subject: by pipe

..a dot

.
MAIL FROM:<alice@home.example>
DATA
RSET
VRFY bob
RCPT TO:<bob@home.example>
QUIT
END
exec sendmail -C ${DIR}/vsmtp.toml -bs
out 220 home.example *
out 250 PIPELINING*
out 250 2.1.0 Ok*
out 250 2.1.5 Ok*
out 354 *
out 250 2.0.0 Ok, left for the server*
out 250 2.1.0 Ok*
out 503 5.5.1 No recipient*
out 250 2.0.0 Ok*
out 502 5.5.1 *
out 503 5.5.1 *
out 221 2.0.0 Bye*
file-has app/mailboxes/home.example/bob/Maildir/new/* "Subject: by pipe"
file-has app/mailboxes/home.example/bob/Maildir/new/* ".a dot"
