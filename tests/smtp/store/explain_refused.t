# a refused session can be explained by its id, after the next commit or stop
rules <<
#{ rcpt: [ rule "relay" || next() ] }
.
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<v@evil.test>
S 554 5.7.1
C QUIT
S 221
closed
stop
let SID select id from trace where status = 'refused' limit 1
run explain ${SID}
out *554 5.7.1*evil.test*
