# unknown, malformed and hostile parameters
rules <<
#{}
.
config <<
[server.smtp.error]
soft_count = -1
hard_count = -1
.
mailbox alice@home.example
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example> FOO=1
S 555 5.5.4
C MAIL FROM:<a@b.example> BODY=9BIT
S 501 5.5.4
C MAIL FROM:<a@b.example> BODY
S 501 5.5.4
C MAIL FROM:<a@b.example> SMTPUTF8=1
S 501 5.5.4
C MAIL FROM:<a@b.example> AUTH=x+0AY
S 501 5.5.4
C MAIL FROM:<a@b.example> AUTH=x+4
S 501 5.5.4
C MAIL FROM:<a@b.example> ="
S 501
C MAIL FROM:<a@b.example> SIZE=1x
S 501 5.5.4
C MAIL FROM:<a@b.example> =
S 501
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<alice@home.example> FOO=1
S 555 5.5.4
C RCPT TO:<alice@home.example> ORCPT=rfc822;x+0A
S 501 5.5.4
C RCPT TO:<alice@home.example>
S 250
