# domains without regard to case
rules <<
#{}
.
mailbox alice@home.example
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<alice@HOME.Example>
S 250
C RCPT TO:<Alice@home.example>
S 250
