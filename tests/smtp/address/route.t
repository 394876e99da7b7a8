# a source route is read and ignored (RFC 5321 appendix C)
rules <<
#{}
.
mailbox alice@home.example
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<@evil.test,@other.example:alice@home.example>
S 250
C RCPT TO:<@home.example:v@evil.test>
S 554 5.7.1
C RCPT TO:<@home.example,@x:v@evil.test>
S 554 5.7.1
C RCPT TO:<@[192.0.2.1]:v@evil.test>
S 554 5.7.1
