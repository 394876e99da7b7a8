# what connect said about all later rules opens no account
rules <<
#{
  connect: [ rule "all" || faccept() ],
  authenticate: [ rule "never" || accept() ],
}
.
include _bob.t

S 220
C EHLO me
S 250
C AUTH PLAIN AGJvYkBob21lLmV4YW1wbGUAd3Jvbmc=
S 535
C AUTH PLAIN AGJvYkBob21lLmV4YW1wbGUAY29ycmVjdCBob3JzZQ==
S 235
