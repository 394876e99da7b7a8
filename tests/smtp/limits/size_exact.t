# the limit itself is allowed
config <<
[server]
message_size_limit = 100
.
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox alice@home.example
include ../_data.t FROM=a@b.example TO=alice@home.example
data <<
Subject: x

${x*84}
.
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<alice@home.example>
S 250
C DATA
S 354
data <<
Subject: x

${x*85}
.
S 552 5.3.4
