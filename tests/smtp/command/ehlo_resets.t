# EHLO in a transaction ends it (RFC 5321 4.1.4)
rules <<
#{}
.
mailbox alice@home.example
include ../_rcpt.t FROM=a@b.example TO=alice@home.example
C EHLO me.again
S 250
C RCPT TO:<alice@home.example>
S 503
C MAIL FROM:<a@b.example>
S 250
