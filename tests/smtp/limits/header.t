# too many and too long header fields
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox alice@home.example
config <<
[server.smtp.error]
soft_count = -1
.
include ../_data.t FROM=a@b.example TO=alice@home.example
data <<
Subject: ${x*300000}

text
.
S 552 5.3.4
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<alice@home.example>
S 250
C DATA
S 354
raw "${X: y\r\n*1100}\r\ntext\r\n.\r\n"
S 552 5.3.4
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<alice@home.example>
S 250
C DATA
S 354
raw "${X: y\r\n*900}\r\ntext\r\n.\r\n"
S 250
