# the guard holds in every skip state
rules <<
#{ mail: [ rule "odd" || quarantine("odd") ] }
.
mailbox bob@home.example
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<v@evil.test>
S 554 5.7.1
C RCPT TO:<nobody@home.example>
S 550 5.1.1
C RCPT TO:<bob@home.example>
S 250
C DATA
S 354
data <<
Subject: x

.
S 250
db select queue, rcpt_to, stage from quarantine = odd|bob@home.example|mail
