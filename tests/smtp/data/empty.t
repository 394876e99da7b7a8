# nothing at all, a header alone, a body alone
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox bob@home.example
include ../_data.t FROM=a@b.example TO=bob@home.example
raw ".\r\n"
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<bob@home.example>
S 250
C DATA
S 354
raw "Subject: header alone\r\n.\r\n"
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<bob@home.example>
S 250
C DATA
S 354
raw "\r\nbody alone\r\n.\r\n"
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<bob@home.example>
S 250
C DATA
S 354
raw "this is no header line\r\nat all\r\n.\r\n"
S 250
db select count(*) from quarantine = 4
db select subject from quarantine where subject <> '' = header alone
