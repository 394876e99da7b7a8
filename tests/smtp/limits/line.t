# a line over the limit is refused and the rest of it thrown away
rules <<
#{}
.
S 220
C EHLO me
S 250
C NOOP ${x*2041}
S 250
C NOOP ${x*2042}
S 500 5.5.2
C NOOP ${x*100000}
S 500 5.5.2
C NOOP
S 250
split 700
C NOOP ${x*5000}
S 500
C NOOP
S 250
