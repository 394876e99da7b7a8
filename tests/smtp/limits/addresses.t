# RFC 5321 4.5.3.1: what must be taken is taken, more is refused
rules <<
#{}
.
S 220
C EHLO me
S 250
C MAIL FROM:<${l*64}@${d*63}.${d*63}.${d*61}>
S 250
C RSET
S 250
C MAIL FROM:<l@${d*63}.${d*63}.${d*63}.${d*60}>
S 250
C RSET
S 250
C MAIL FROM:<${l*65}@b.example>
S 501 5.1.3
C MAIL FROM:<a@${d*64}.example>
S 501
C MAIL FROM:<l@${d*63}.${d*63}.${d*63}.${d*61}>
S 501
C MAIL FROM:<a@${d*63}.${d*63}.${d*63}.${d*63}>
S 501
