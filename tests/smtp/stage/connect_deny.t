# refused before the greeting, and closed
rules <<
#{ connect: [ rule "no" || if ctx().client_ip == "127.0.0.66" { deny("554 5.7.1 not you") } else { next() } ] }
.
from 127.0.0.66
connect bad
S 554 5.7.1 not you
closed
from 127.0.0.67
connect good
S 220
log ~ not you
