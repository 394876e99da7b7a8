# a text with a line end stays one reply
rules <<
#{ mail: [ rule "say" || deny("554 5.7.1 first\r\nsecond") ] }
.
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 554
reply !~ 250
C NOOP
S 250 2.0.0
