# a gateway in front of another server takes any local part
config <<
[server.smtp]
unknown_rcpt = "accept"
.
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<whoever@home.example>
S 250
C RCPT TO:<v%evil.test@home.example>
S 550 5.7.1
