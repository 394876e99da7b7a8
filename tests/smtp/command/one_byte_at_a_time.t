rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox alice@home.example
split 1
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<alice@home.example>
S 250
C DATA
S 354
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
