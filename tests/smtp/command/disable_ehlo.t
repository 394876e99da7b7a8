config <<
[server.smtp]
disable_ehlo = true
.
rules <<
#{}
.
S 220
C EHLO me
S 502 5.5.1
C HELO me
S 250 Ok
C MAIL FROM:<a@b.example>
S 250
