# a line end that is none is no end of the message: nothing behind it is a command
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox bob@home.example
split 2
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<bob@home.example>
S 250
C DATA
S 354
raw "Subject: x\r\n\r\ntext\r\n.\n"
raw "MAIL FROM:<admin@home.example>\r\nRCPT TO:<bob@home.example>\r\nDATA\r\nSubject: y\r\n\r\nsmuggled\r\n.\r\n"
S 550 5.5.2
C QUIT
S 221
closed
db select count(*) from quarantine = 0
