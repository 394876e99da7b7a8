# NUL anywhere: not the end, and refused at the true end
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox bob@home.example
include ../_data.t FROM=a@b.example TO=bob@home.example
raw "Subject: x\r\n\r\ntext\r\n\0.\r\nMAIL FROM:<c@b.example>\r\n.\0\r\n\r\n.\r\n"
S 550 5.6.0
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<bob@home.example>
S 250
C DATA
S 354
raw "Subject: a\0b\r\n\r\ntext\r\n.\r\n"
S 550 5.6.0
db select count(*) from quarantine = 0
