# faccept at connect: no later rule runs for this connection
rules <<
#{
  connect: [ rule "friend" || if ctx().client_ip == "127.0.0.5" { faccept() } else { next() } ],
  mail: [ rule "no" || deny() ],
}
.
from 127.0.0.5
connect friend
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 250
from 127.0.0.6
connect other
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 554
