# rules/examples/clamd: without a scanner that answers nothing gets through
rules ../../../rules/examples/clamd/main.vsl
mailbox bob@home.example
S 220
C EHLO me.example
S 250
C MAIL FROM:<a@far.example>
S 250
C RCPT TO:<bob@home.example>
S 250
C DATA
S 354
data <<
Subject: x

text
.
S 451 4.3.5
log ~ service 'av': clamd at unix:*clamd.ctl gave no verdict
db select count(*) from queue = 0
