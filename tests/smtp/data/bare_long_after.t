# a refused text is still read to its end, however long
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox bob@home.example
include ../_data.t FROM=a@b.example TO=bob@home.example
raw "Subject: x\r\n\r\nbare\nline\r\n${0123456789abcdef\r\n*60000}.\r\n"
S 550 5.5.2 bare <LF> received
C NOOP
S 250
db select count(*) from quarantine = 0
