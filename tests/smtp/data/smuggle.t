# a line end that is none is no end of the message: nothing behind it is a command, however it comes
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox bob@home.example
each PIECE 0 2 <<PIECES
each END \n.\n \n.\r \n.\r\n \r.\r \r.\r\n \r.\n \r\n.\n \r\n.\r <<ENDS
connect
split ${PIECE}
include ../_data.t FROM=a@b.example TO=bob@home.example
raw "Subject: x\r\n\r\ntext${END}"
raw "MAIL FROM:<admin@home.example>\r\nRCPT TO:<bob@home.example>\r\nDATA\r\nSubject: y\r\n\r\nsmuggled\r\n.\r\n"
S 550 5.5.2
C QUIT
S 221
closed
ENDS
PIECES
db select count(*) from quarantine = 0
