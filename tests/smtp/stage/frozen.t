# what a rule changes of the file's variables is lost when it ends
rules <<
let n = 0;
#{ mail: [ rule "count" || { n += 1; deny("550 5.7.1 n is " + n) } ] }
.
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 550 5.7.1 n is 1
C MAIL FROM:<a@b.example>
S 550 5.7.1 n is 1
