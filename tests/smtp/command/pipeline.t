# a whole group in one segment (RFC 2920), replies in order
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox alice@home.example
S 220
C EHLO me
S 250
pipeline
C MAIL FROM:<a@b.example>
C RCPT TO:<alice@home.example>
C RCPT TO:<nobody@home.example>
C RCPT TO:<v@evil.test>
C NOOP
C DATA
S 250 2.1.0
S 250 2.1.5
S 550 5.1.1
S 554 5.7.1
S 250 2.0.0
S 354
pipeline
data <<
Subject: x

text
.
C RSET
C MAIL FROM:<b@b.example>
S 250 2.0.0
S 250 2.0.0
S 250 2.1.0
C QUIT
S 221
closed
db select count(*), max(rcpt_to) from quarantine = 1|alice@home.example
