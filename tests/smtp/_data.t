# a mail of a stranger up to its text
S 220
C EHLO me
S 250
C MAIL FROM:<${FROM}>
S 250
C RCPT TO:<${TO}>
S 250
C DATA
S 354
