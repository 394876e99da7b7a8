# names of server.virtual are ours too
config <<
[server.virtual."second.example"]
.
rules <<
#{}
.
mailbox carol@second.example
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<carol@second.example>
S 250
C RCPT TO:<carol@home.example>
S 550 5.1.1
C RCPT TO:<carol@third.example>
S 554 5.7.1
