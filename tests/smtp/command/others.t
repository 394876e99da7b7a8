# commands that lead nowhere, and unknown ones
rules <<
#{}
.
S 220
C HELP
S 214 2.0.0
C NOOP ignored words
S 250 2.0.0
C EHLO me
S 250
C VRFY alice
S 252 2.5.2
C VRFY
S 501 5.5.4
C EXPN list
S 502 5.5.1
C HELP MAIL
S 214
C AUTH PLAIN AGEAYg==
S 502 5.5.1
C STARTTLS
S 454 4.7.0
C BDAT 5 LAST
S 502 5.5.1
C FROBNICATE
S 500 5.5.2
C quit
S 221
closed
