# several mails on one connection, RSET between, each its own envelope
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox bob@home.example
mailbox alice@home.example
include ../_data.t FROM=one@b.example TO=bob@home.example
data <<
Subject: one

.
S 250
C MAIL FROM:<gone@b.example>
S 250
C RCPT TO:<bob@home.example>
S 250
C RSET
S 250
C MAIL FROM:<two@b.example>
S 250
C RCPT TO:<alice@home.example>
S 250
C DATA
S 354
data <<
Subject: two

.
S 250
db select mail_from, rcpt_to, subject from quarantine order by subject = one@b.example|bob@home.example|one, two@b.example|alice@home.example|two
