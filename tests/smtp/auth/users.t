# vsmtp user: a change holds at once, for the running server too
rules <<
#{}
.
include _bob.t

input <<
x
.
run user add bob
exit 73
err *already*
input <<
x
.
run user passwd anna
exit 67
input <<

.
run user add anna
exit 65
input <<
x
.
run user add "an na"
exit 65
input <<
x
.
run user add ../x
exit 65
input <<
x
.
run user add anna@else.example
exit 65
err *server.virtual*
run user add
exit 64
run user frobnicate bob
exit 64
run user
out bob@home.example *
run user list --json
out {"name":"bob@home.example",*
S 220
C EHLO me
S 250
C AUTH PLAIN AGJvYkBob21lLmV4YW1wbGUAY29ycmVjdCBob3JzZQ==
S 235
input <<
other
.
run user passwd bob
connect two
S 220
C EHLO me
S 250
C AUTH PLAIN AGJvYgBvdGhlcg==
S 235
connect three
S 220
C EHLO me
S 250
C AUTH PLAIN AGJvYkBob21lLmV4YW1wbGUAY29ycmVjdCBob3JzZQ==
S 535
run user remove bob
run user remove bob
exit 67
from 127.0.0.4
connect four
S 220
C EHLO me
S 250
C AUTH PLAIN AGJvYgBvdGhlcg==
S 535
db select count(*) from account = 0
