# no rule's accept() replaces a proof: CRAM-MD5, SCRAM, ANONYMOUS
rules <<
#{
  authenticate: [
    rule "judge" || {
      if auth().type == "AnonymousToken" { return accept(); }
      if auth().authid == "secret" { packet("open") } else { accept() }
    },
  ],
}
.
config <<
[server.smtp.auth]
enable_dangerous_mechanism_in_clair = true
mechanisms = ["CRAM-MD5", "SCRAM-SHA-256", "ANONYMOUS"]
[server.smtp.error]
soft_count = -1
hard_count = -1
.

S 220
C EHLO me
S 250
reply ~ 250-AUTH CRAM-MD5 SCRAM-SHA-256 ANONYMOUS
C AUTH PLAIN AGJvYkBob21lLmV4YW1wbGUAY29ycmVjdCBob3JzZQ==
S 504
C AUTH CRAM-MD5 c2VjcmV0IDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw
S 501 5.7.0
C AUTH CRAM-MD5
S 334
C c2VjcmV0IDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw
S 535
C AUTH CRAM-MD5
S 334
C b3RoZXIgMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=
S 535
log ~ accept() without proof
from 127.0.0.2
connect two
S 220
C EHLO me
S 250
C AUTH SCRAM-SHA-256 biwsbj1vdGhlcixyPWFiYw==
S 535
C AUTH SCRAM-SHA-256 biwsbj1zZWNyZXQscj1hYmM=
S 334
C Yz1iaXdzLHI9YWJjLHA9ZEh6YlphcFdJazRqVWhOK1V0ZTl5dGFnOXpqZk1IZ3NxbW1pejdBbmRWUT0=
S 535
from 127.0.0.3
connect three
S 220
C EHLO me
S 250
C AUTH ANONYMOUS c2lyaGM=
S 235
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<v@evil.test>
S 554 5.7.1
