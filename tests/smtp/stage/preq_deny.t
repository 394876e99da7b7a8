# refused after the dot: nothing stays, the connection does
rules <<
#{ preq: [ rule "no" || if get_header("Subject") == "bad" { deny("554 5.7.1 bad subject") } else { next() } ] }
.
mailbox bob@home.example
include ../_data.t FROM=a@b.example TO=bob@home.example
data <<
Subject: bad

text
.
S 554 5.7.1 bad subject
C RCPT TO:<bob@home.example>
S 503
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<bob@home.example>
S 250
C DATA
S 354
data <<
Subject: good

text
.
S 250 2.0.0
until select count(*) from queue = 0
file-count app/mailboxes/home.example/bob/Maildir/new/* = 1
