# without [server.smtp.auth] there is no AUTH
rules <<
#{}
.
S 220
C EHLO me
S 250
reply !~ AUTH
C AUTH PLAIN
S 502 5.5.1
C AUTH
S 50*
C MAIL FROM:<a@b.example>
S 250
