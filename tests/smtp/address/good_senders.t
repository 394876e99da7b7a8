# forms of the reverse path that must be understood
rules <<
#{}
.
S 220
C EHLO me
S 250
C MAIL FROM:<>
S 250 2.1.0
C RSET
S 250
C mail from:<a@b.example>
S 250 2.1.0
C RSET
S 250
C MAIL FROM: <a@b.example>
S 250 2.1.0
C RSET
S 250
C MAIL FROM:<@relay.example,@two.example:a@b.example>
S 250 2.1.0
C RSET
S 250
C MAIL FROM:<"quoted \" local"@b.example>
S 250 2.1.0
C RSET
S 250
C MAIL FROM:<a+tag.x!#$%&'*/=?^_`{|}~-@b.example>
S 250 2.1.0
C RSET
S 250
C MAIL FROM:<a@[192.0.2.1]>
S 250 2.1.0
C RSET
S 250
C MAIL FROM:<a@[IPv6:2001:db8::1]>
S 250 2.1.0
C RSET
S 250
C MAIL FROM:<a@b.example> SIZE=100 BODY=8BITMIME
S 250 2.1.0
C RSET
S 250
C MAIL FROM:<a@b.example> body=7bit smtputf8
S 250 2.1.0
C RSET
S 250
C MAIL FROM:<a@b.example> AUTH=<>
S 250 2.1.0
