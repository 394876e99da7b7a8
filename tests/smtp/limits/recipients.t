config <<
[server.smtp]
rcpt_count_max = 3
.
rules <<
#{ rcpt: [ rule "all" || faccept() ], }
.
include ../_rcpt.t FROM=a@b.example TO=a@x.example
C RCPT TO:<b@x.example>
S 250
C RCPT TO:<c@x.example>
S 250
C RCPT TO:<d@x.example>
S 452 4.5.3
C DATA
S 354
data <<
Subject: x

.
S 250
until select rcpt_total from queue = 3
