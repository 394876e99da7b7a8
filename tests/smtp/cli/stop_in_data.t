# a mail that is coming in when the server stops is taken whole
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox bob@home.example
include ../_data.t FROM=a@b.example TO=bob@home.example
raw "Subject: in time\r\n\r\n"
signal INT
log ~ stopping
data <<
text
.
S 250
S 421 4.3.2
closed
died
start
db select subject from quarantine = in time
