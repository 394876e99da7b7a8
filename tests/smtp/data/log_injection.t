# what a stranger says cannot make a line of the log
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox bob@home.example
S 220
raw "EHLO x\x1b[31mred\r\n"
S 501
C EHLO me
S 250
raw "MAIL FROM:<\"a\x1b[2J\"@b.example>\r\n"
S 5*
raw "FOO\x1b]0;title\x07\r\n"
S 500
C MAIL FROM:<v@evil.test>
S 250
C RCPT TO:<"x\" 2026-11-22T00:00:00.000Z ERROR server: fake"@evil.test>
S 554
log ~ fake
