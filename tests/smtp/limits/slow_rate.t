# text that comes, but far too slowly
config <<
[server.smtp.timeout_client]
data = "1m"
.
rules <<
#{}
.
mailbox alice@home.example
include ../_data.t FROM=a@b.example TO=alice@home.example
raw "Subject: x\r\n"
pause 25s
raw "X: y\r\n"
pause 25s
raw "X: y\r\n"
pause 25s
raw "X: y\r\n"
S 421 4.4.2
closed
db select count(*) from queue = 0
