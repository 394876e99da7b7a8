# each command in the wrong place
rules <<
#{}
.
mailbox alice@home.example
S 220
C MAIL FROM:<a@b.example>
S 503 5.5.1
C RCPT TO:<alice@home.example>
S 503 5.5.1
C DATA
S 503 5.5.1
C VRFY alice
S 503 5.5.1
C RSET
S 250 2.0.0
C NOOP
S 250 2.0.0
C EHLO me
S 250
C RCPT TO:<alice@home.example>
S 503 5.5.1
C DATA
S 503 5.5.1
C MAIL FROM:<a@b.example>
S 250 2.1.0
C MAIL FROM:<a@b.example>
S 503 5.5.1
C DATA
S 503 5.5.1
C RCPT TO:<alice@home.example>
S 250 2.1.5
C RSET
S 250 2.0.0
C RCPT TO:<alice@home.example>
S 503 5.5.1
C QUIT
S 221
closed
