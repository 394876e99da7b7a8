# a refused sender begins no transaction; the connection stays
rules <<
#{ mail: [ rule "no" || if ctx().mail_from.domain == "bad.example" { deny() } else { accept("250 2.1.0 welcome") } ] }
.
S 220
C EHLO me
S 250
C MAIL FROM:<a@bad.example>
S 554 5.7.1
C RCPT TO:<postmaster>
S 503
C MAIL FROM:<a@good.example>
S 250 2.1.0 welcome
