# the parameters of RFC 3461: read strictly, kept with the mail
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox bob@home.example
mailbox eve@home.example
S 220
C EHLO me.example
S 250
reply ~ 250-DSN
C MAIL FROM:<a@b.example> RET=NONE
S 501 5.5.4
C MAIL FROM:<a@b.example> ENVID=x+0D+0Ay
S 501 5.5.4
C MAIL FROM:<a@b.example> RET=HDRS ENVID=QQ+2B7
S 250 2.1.0
C RCPT TO:<bob@home.example> NOTIFY=NEVER,SUCCESS
S 501 5.5.4
C RCPT TO:<bob@home.example> ORCPT=bob@home.example
S 501 5.5.4
C RCPT TO:<bob@home.example> ORCPT=rfc822;b+0Aob@home.example
S 501 5.5.4
C RCPT TO:<bob@home.example> RET=FULL
S 555 5.5.4
C RCPT TO:<bob@home.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b+2Bob@home.example
S 250 2.1.5
C RCPT TO:<eve@home.example>
S 250 2.1.5
C DATA
S 354
data <<
Subject: x

text
.
S 250
db select address, dsn from rcpt order by n = bob@home.example|NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b+2Bob@home.example, eve@home.example|
db select cast(context as text) like '%dsn = "RET=HDRS ENVID=QQ+2B7"%' from message = 1
