# info() below 400 replaces the greeting, above it closes
rules <<
#{ connect: [ rule "say" || if ctx().client_ip == "127.0.0.66" { info("421 4.7.0 later") } else { info("220 hello friend") } ] }
.
connect a
S 220 hello friend
C EHLO me
S 250
from 127.0.0.66
connect b
S 421 4.7.0 later
closed
