# the same for text
config <<
[server.smtp.timeout_client]
connect = "1m"
helo = "1m"
mail_from = "1m"
rcpt_to = "1m"
data = "1m"
.
rules <<
#{}
.
mailbox alice@home.example
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<alice@home.example>
S 250
C DATA
S 354
raw "Subject: x\r\n"
pause 61s
S 421 4.4.2
closed
db select count(*) from queue = 0
