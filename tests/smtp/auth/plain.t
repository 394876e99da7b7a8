# PLAIN: with and without an initial response; the account is a mailbox, and its owner may relay
rules <<
#{}
.
include _bob.t

S 220
C EHLO me
S 250
reply ~ 250-AUTH PLAIN LOGIN SCRAM-SHA-256
C AUTH PLAIN AGJvYkBob21lLmV4YW1wbGUAY29ycmVjdCBob3JzZQ==
S 235 2.7.0
C AUTH PLAIN AGJvYkBob21lLmV4YW1wbGUAY29ycmVjdCBob3JzZQ==
S 503 5.5.1
C MAIL FROM:<bob@home.example>
S 250
C AUTH PLAIN AGJvYkBob21lLmV4YW1wbGUAY29ycmVjdCBob3JzZQ==
S 503
C RCPT TO:<v@evil.test>
S 250
C RCPT TO:<bob@home.example>
S 250
C DATA
S 354
data <<
Subject: hello

from who logged in
.
S 250 2.0.0
db select auth_user || ' ' || rcpt_total from queue where mail_from = 'bob@home.example' = bob@home.example 2
until select count(*) from mail where cast(message as text) like '%with ESMTPA id%' = 1
log ~ login user=bob@home.example mechanism=PLAIN
db select count(*) from trace where status = 'authenticated' and detail = 'bob@home.example' = 1
connect two
S 220
C EHLO me
S 250
C AUTH PLAIN
S 334
C AGJvYgBjb3JyZWN0IGhvcnNl
S 235
C EHLO again
S 250
C MAIL FROM:<x@else.example>
S 250
C RCPT TO:<v@evil.test>
S 250
