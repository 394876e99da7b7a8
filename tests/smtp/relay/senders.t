# whoever the sender claims to be
rules <<
#{}
.
config <<
[server.smtp.error]
soft_count = -1
hard_count = -1
.
S 220
C EHLO me
S 250
C MAIL FROM:<>
S 250
C RCPT TO:<v@evil.test>
S 554 5.7.1
C RSET
S 250
C MAIL FROM:<a@evil.test>
S 250
C RCPT TO:<v@evil.test>
S 554 5.7.1
C RSET
S 250
C MAIL FROM:<bob@home.example>
S 250
C RCPT TO:<v@evil.test>
S 554 5.7.1
C RSET
S 250
C MAIL FROM:<a@localhost>
S 250
C RCPT TO:<v@evil.test>
S 554 5.7.1
