# commands that take no argument
rules <<
#{}
.
mailbox alice@home.example
S 220
C EHLO me
S 250
C RSET now
S 501 5.5.4
C QUIT now
S 501 5.5.4
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<alice@home.example>
S 250
C DATA now
S 501 5.5.4
C QUIT 
S 221
closed
