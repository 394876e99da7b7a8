# text that comes, but far too slowly
config <<
[server.smtp.timeout_client]
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
pause 25s
raw "X: y\r\n"
pause 25s
raw "X: y\r\n"
pause 25s
raw "X: y\r\n"
S 421 4.4.2
closed
db select count(*) from queue = 0
