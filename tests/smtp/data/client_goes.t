# a client that goes in the middle leaves nothing behind
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox bob@home.example
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<bob@home.example>
S 250
C DATA
S 354
raw "Subject: big\r\n\r\n${The quick brown fox jumps over the lazy dog.\r\n*20000}"
disconnect
mail a@b.example bob@home.example <<
Subject: after

text
.
db select count(*) from quarantine = 1
