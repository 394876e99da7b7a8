# names of server.virtual are ours too
config <<
[server.virtual."second.example"]
.
rules <<
#{}
.
mailbox carol@second.example
include ../_rcpt.t FROM=a@b.example TO=carol@second.example
C RCPT TO:<carol@home.example>
S 550 5.1.1
C RCPT TO:<carol@third.example>
S 554 5.7.1
