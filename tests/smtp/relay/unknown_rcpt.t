# a gateway in front of another server takes any local part
config <<
[server.smtp]
unknown_rcpt = "accept"
.
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
include ../_rcpt.t FROM=a@b.example TO=whoever@home.example
C RCPT TO:<v%evil.test@home.example>
S 550 5.7.1
