# one recipient of a mail
S 220
C EHLO me
S 250
C MAIL FROM:<${FROM}>
S 250
C RCPT TO:<${TO}>
S 250
