# the operator may switch the guard off, and is told so
config <<
[server.smtp]
open_relay = true
.
rules <<
#{}
.
include ../_rcpt.t FROM=a@b.example TO=v@evil.test
log ~ open_relay
