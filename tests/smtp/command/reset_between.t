# nothing of an abandoned transaction stays: recipients, parameters, refusals
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox bob@home.example
mailbox alice@home.example
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example> SMTPUTF8 SIZE=100
S 250
C RCPT TO:<nobody@home.example>
S 550
C RCPT TO:<alice@home.example>
S 250
C RSET
S 250
C MAIL FROM:<c@b.example>
S 250
C DATA
S 503 5.5.1
C RCPT TO:<élan@home.example>
S 553 5.6.7
C RCPT TO:<bob@home.example>
S 250
C DATA
S 354
data <<
Subject: x

.
S 250
db select mail_from, rcpt_to from quarantine = c@b.example|bob@home.example
