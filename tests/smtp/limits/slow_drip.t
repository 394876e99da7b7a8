# a byte now and then does not keep a command alive: the deadline is the line's
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
S 220
raw "E"
pause 40s
raw "H"
pause 40s
S 421 4.4.2
closed
