# the operator may switch the guard off, and is told so
config <<
[server.smtp]
open_relay = true
.
rules <<
#{}
.
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<v@evil.test>
S 250
log ~ open_relay
