# a rule that eats memory ends
rules <<
#{ mail: [ rule "eater" || { let s = "x"; loop { s += s; } next() } ] }
.
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 451 4.3.5
C RSET
S 250
