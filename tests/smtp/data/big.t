# a body of many chunks comes back whole
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox bob@home.example
include ../_data.t FROM=a@b.example TO=bob@home.example
raw "Subject: big\r\n\r\n${The quick brown fox jumps over the lazy dog.\r\n*60000}last\r\n.\r\n"
S 250
db select length(message) - instr(message, cast(char(13,10,13,10) as blob)) - 3 from mail = 2760006
db select cast(substr(message, length(message) - 9) as text) from mail ~ *last*
