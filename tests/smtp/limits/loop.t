# more Received fields than any honest way has
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox alice@home.example
include ../_data.t FROM=a@b.example TO=alice@home.example
raw "${Received: from a by b\r\n*51}Subject: x\r\n\r\ntext\r\n.\r\n"
S 554 5.4.6
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<alice@home.example>
S 250
C DATA
S 354
data <<
Delivered-To: alice@home.example
Subject: back again

text
.
S 554 5.4.6
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<alice@home.example>
S 250
C DATA
S 354
raw "${Received: from a by b\r\n*49}Subject: x\r\n\r\ntext\r\n.\r\n"
S 250
