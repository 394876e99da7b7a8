# the relay rule of the hardening chapter, word for word
rules <<
import "objects" as obj;

#{
  rcpt: [
    rule "check relay" || check_relay(obj::internal_net),
  ],
}
.
file objects.vsl <<
object internal_net rg4 = "127.0.1.0/24";
.
mailbox bob@home.example
from 127.0.0.9
connect stranger
S 220
C EHLO me
S 250
C MAIL FROM:<a@evil.test>
S 250
C RCPT TO:<v@evil.test>
S 5*
C RCPT TO:<bob@home.example>
S 250
from 127.0.1.7
connect inside
include ../_rcpt.t FROM=bob@home.example TO=v@evil.test
C RCPT TO:<nobody@home.example>
S 550 5.1.1
C DATA
S 354
data <<
Subject: out

text
.
S 250
until select count(*) from queue = 1
use stranger
C DATA
S 354
data <<
Subject: in

text
.
S 250
file-count app/mailboxes/home.example/bob/Maildir/new/* = 1
