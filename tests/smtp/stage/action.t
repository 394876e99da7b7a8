# what an action returns does not matter
rules <<
#{ mail: [ action "deny nothing" || deny(), rule "go" || next() ] }
.
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 250
