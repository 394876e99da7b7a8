# what is not a right PLAIN: form is 501, a wrong password 535, and both say nothing of accounts
rules <<
#{}
.
config <<
[server.smtp.auth]
enable_dangerous_mechanism_in_clair = true
[server.smtp.error]
soft_count = -1
hard_count = -1
.
start
input <<
correct horse
.
run user add bob@home.example

S 220
C AUTH PLAIN AGJvYkBob21lLmV4YW1wbGUAY29ycmVjdCBob3JzZQ==
S 503 5.5.1
C EHLO me
S 250
C AUTH
S 501
C AUTH GSSAPI
S 504 5.5.4
C AUTH CRAM-MD5
S 504 5.5.4
C AUTH PLAIN ?
S 501 5.5.2
C AUTH PLAIN AGJvYkBob21lLmV4YW1wbGUAY29ycmVjdCBob3JzZQ=
S 501 5.5.2
C AUTH PLAIN AGJvYkBob21lLmV4YW1wbGUAY29ycmVjdCBob3JzZQ== x
S 501 5.5.2
C AUTH PLAIN =
S 501 5.5.4
C AUTH PLAIN Ym9i
S 501 5.5.4
C AUTH PLAIN AGJvYg==
S 501 5.5.4
C AUTH PLAIN AGJvYgBhAGI=
S 501 5.5.4
C AUTH PLAIN AGL/YgBh
S 501 5.5.4
C AUTH PLAIN
S 334
C *
S 501 5.7.0
C AUTH PLAIN
S 334
C not base64!
S 501 5.5.2
C AUTH PLAIN
S 334
C
S 501 5.5.4
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<v@evil.test>
S 554 5.7.1
C RSET
S 250
C AUTH PLAIN AGJvYkBob21lLmV4YW1wbGUAd3Jvbmc=
S 535 5.7.8
C AUTH PLAIN AGJvYgA=
S 535 5.7.8
from 127.0.0.3
connect three
S 220
C EHLO me
S 250
C AUTH PLAIN AG5vYm9keQBjb3JyZWN0IGhvcnNl
S 535 5.7.8
C AUTH PLAIN cm9vdABib2IAY29ycmVjdCBob3JzZQ==
S 535 5.7.8
log ~ login failed user=nobody mechanism=PLAIN
log !~ correct horse
stop
db select count(*) from trace where stage = 'authenticate' and status = 'refused' and detail like '535 5.7.8 %<bob@home.example>' = 1
