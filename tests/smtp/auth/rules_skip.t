# what connect said about all later rules opens no account
rules <<
#{
  connect: [ rule "all" || faccept() ],
  authenticate: [ rule "never" || accept() ],
}
.
config <<
[server.smtp.auth]
enable_dangerous_mechanism_in_clair = true
.
start
input <<
correct horse
.
run user add bob@home.example

S 220
C EHLO me
S 250
C AUTH PLAIN AGJvYkBob21lLmV4YW1wbGUAd3Jvbmc=
S 535
C AUTH PLAIN AGJvYkBob21lLmV4YW1wbGUAY29ycmVjdCBob3JzZQ==
S 235
