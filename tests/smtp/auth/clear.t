# without TLS nothing is offered, and nothing taken
rules <<
#{}
.
config <<
[server.smtp.auth]
must_be_authenticated = true
.

S 220
C EHLO me
S 250
reply !~ AUTH
C AUTH PLAIN AGJvYkBob21lLmV4YW1wbGUAY29ycmVjdCBob3JzZQ==
S 538 5.7.11
C AUTH LOGIN
S 538 5.7.11
C AUTH XYZ
S 504
C MAIL FROM:<a@b.example>
S 530 5.7.0
