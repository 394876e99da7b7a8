# the Received field says who, to whom and how
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox bob@home.example
from 127.0.0.9
S 220
C EHLO me.example
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<bob@home.example>
S 250
C DATA
S 354
data <<
Subject: x

text
.
S 250
let ID select id from quarantine
db select cast(substr(message, 1, 500) as text) from mail ~ Received: from me.example (*127.0.0.9*by home.example*with ESMTP*id ${ID}*
C HELO old.example
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<bob@home.example>
S 250
C DATA
S 354
data <<
Subject: y

text
.
S 250
db select cast(substr(message, 1, 500) as text) from mail where id <> '${ID}' ~ Received: from old.example (*with SMTP*
