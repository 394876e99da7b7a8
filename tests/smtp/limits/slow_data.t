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
include ../_data.t FROM=a@b.example TO=alice@home.example
raw "Subject: x\r\n"
pause 61s
S 421 4.4.2
closed
db select count(*) from queue = 0
