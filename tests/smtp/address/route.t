# a source route is read and ignored (RFC 5321 appendix C)
rules <<
#{}
.
mailbox alice@home.example
include ../_rcpt.t FROM=a@b.example TO=@evil.test,@other.example:alice@home.example
C RCPT TO:<@home.example:v@evil.test>
S 554 5.7.1
C RCPT TO:<@home.example,@x:v@evil.test>
S 554 5.7.1
C RCPT TO:<@[192.0.2.1]:v@evil.test>
S 554 5.7.1
