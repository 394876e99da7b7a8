# each state has its own deadline
config <<
[server.smtp.timeout_client]
connect = "1m"
helo = "2m"
mail_from = "3m"
rcpt_to = "4m"
data = "5m"
.
rules <<
#{}
.
S 220
pause 61s
S 421 4.4.2
closed
