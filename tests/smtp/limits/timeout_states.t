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
mailbox alice@home.example
connect a
S 220
C EHLO me
S 250
connect b
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 250
connect c
include ../_rcpt.t FROM=a@b.example TO=alice@home.example
pause 121s
use a
S 421 4.4.2
closed
use b
C NOOP
S 250
use c
C NOOP
S 250
pause 181s
use b
S 421 4.4.2
closed
use c
C NOOP
S 250
pause 241s
S 421 4.4.2
closed
