# a client that does not wait gets its answers in order all the same
rules <<
#{}
.
include _bob.t

S 220
pipeline
C EHLO me
C AUTH LOGIN
C Ym9i
C Y29ycmVjdCBob3JzZQ==
C MAIL FROM:<bob@home.example>
C RCPT TO:<v@evil.test>
S 250
S 334
S 334
S 235
S 250
S 250
connect wrong
S 220
pipeline
C EHLO me
C AUTH PLAIN AGJvYkBob21lLmV4YW1wbGUAd3Jvbmc=
C MAIL FROM:<bob@home.example>
C RCPT TO:<v@evil.test>
C QUIT
S 250
S 535
S 250
S 554 5.7.1
S 221
closed
from 127.0.0.2
connect bytes
S 220
split 1
C EHLO me
S 250
C AUTH PLAIN AGJvYkBob21lLmV4YW1wbGUAY29ycmVjdCBob3JzZQ==
S 235
