# the default gateway, behind which all strangers may be, is no machine of the house
rules <<
object inside group = [ object house rg4 = "127.0.0.0/8", object one ip4 = "127.0.7.7" ];
object named group = [ inside, object router ip4 = "127.0.1.254" ];
#{
  rcpt: [ rule "relay" || if get_header("X") == "" && mail_from() == "named@home.example" {
    check_relay(named)
  } else {
    check_relay(inside)
  } ],
  preq: [ rule "hold" || quarantine("held") ],
}
.
from 127.0.0.5
include ../_rcpt.t FROM=a@home.example TO=v@evil.test
disconnect

from 127.0.1.254
S 220
C EHLO me
S 250
C MAIL FROM:<a@home.example>
S 250
C RCPT TO:<v@evil.test>
S 554 5.7.1
C RCPT TO:<alice@home.example>
S 550
log !~ router
C RSET
S 250
C MAIL FROM:<named@home.example>
S 250
C RCPT TO:<v@evil.test>
S 250
log ~ ERROR receiver: * the router 127.0.1.254 relays a mail to v@evil.test: *open relay*Behind a router*
