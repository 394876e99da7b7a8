# quarantine at mail lasts until RSET
rules <<
#{ mail: [ rule "odd" || if ctx().mail_from.local_part == "odd" { quarantine("odd") } else { next() } ] }
.
mailbox bob@home.example
S 220
C EHLO me
S 250
C MAIL FROM:<odd@b.example>
S 250
C RSET
S 250
C MAIL FROM:<even@b.example>
S 250
C RCPT TO:<bob@home.example>
S 250
C DATA
S 354
data <<
Subject: x

.
S 250
db select count(*) from quarantine = 0
file-count app/mailboxes/home.example/bob/Maildir/new/* = 1
