# stopping says goodbye to those who are between two mails
rules <<
#{}
.
S 220
C EHLO me
S 250
signal INT
S 421 4.3.2
closed
died
