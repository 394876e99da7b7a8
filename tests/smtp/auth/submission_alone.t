# a submission listener needs no [server.smtp.auth] to have a way in, but TLS it does
rules <<
#{}
.
config <<
[server.interfaces]
addr_submission = ["127.0.0.1:0"]
.
listener 2
S 220
C EHLO me
S 250
reply !~ AUTH
C AUTH PLAIN
S 538 5.7.11
C MAIL FROM:<bob@home.example>
S 530 5.7.0
