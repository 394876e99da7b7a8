# a refused text is still read to its end, however long
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
raw "Subject: x\r\n\r\nbare\nline\r\n${0123456789abcdef\r\n*60000}.\r\n"
S 550 5.5.2 bare <LF> received
C NOOP
S 250
db select count(*) from quarantine = 0
