# a mail that is coming in when the server stops is taken whole
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
