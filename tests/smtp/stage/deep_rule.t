rules <<
fn down(n) { down(n + 1) }
#{ mail: [ rule "deep" || { down(0); next() } ] }
.
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 451 4.3.5
