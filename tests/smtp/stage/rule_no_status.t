rules <<
#{ mail: [ rule "forgot" || 42 ] }
.
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 451 4.3.5
log ~ must return a status
