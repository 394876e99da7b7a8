config <<
[server]
message_size_limit = 1000
.
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox alice@home.example
S 220
C EHLO me
S 250
reply ~ SIZE 1000
C MAIL FROM:<a@b.example> SIZE=1001
S 552 5.3.4
C MAIL FROM:<a@b.example> SIZE=99999999999999999999
S 552 5.3.4
C MAIL FROM:<a@b.example> SIZE=999999999999999999999
S 501
C MAIL FROM:<a@b.example> SIZE=
S 501
C MAIL FROM:<a@b.example> SIZE=-1
S 501
C MAIL FROM:<a@b.example> SIZE=1000
S 250
C RCPT TO:<alice@home.example>
S 250
C DATA
S 354
data <<
Subject: too long

${x*990}
.
S 552 5.3.4
C MAIL FROM:<a@b.example> SIZE=10
S 250
C RCPT TO:<alice@home.example>
S 250
C DATA
S 354
data <<
Subject: lies a little

${x*500}
.
S 250
db select count(*) from quarantine = 1
