rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox alice@home.example
split 1
include ../_data.t FROM=a@b.example TO=alice@home.example
data <<
Subject: one

.dot
..
text
.
S 250
C QUIT
S 221
closed
db select count(*) from mail where instr(message, cast(char(13,10)||'.dot'||char(13,10)||'..'||char(13,10)||'text'||char(13,10) as blob)) > 0 = 1
