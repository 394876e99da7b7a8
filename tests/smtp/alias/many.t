# an alias for many is given in a mail of its own; rcpt_count_max counts all of them
config <<
[server.smtp]
rcpt_count_max = 3
[app.aliases]
all = ["a@far.example", "b@far.example", "c@far.example", "d@far.example"]
two = ["a@far.example", "b@far.example"]
.
rules <<
#{ preq: [ rule "keep" || quarantine("kept") ] }
.
mailbox alice@home.example
include ../_rcpt.t FROM=x@y.example TO=alice@home.example
C RCPT TO:<all@home.example>
S 452 4.5.3
C RCPT TO:<two@home.example>
S 250
C RSET
S 250
C MAIL FROM:<x@y.example>
S 250
C RCPT TO:<all@home.example>
S 250
C RCPT TO:<alice@home.example>
S 452 4.5.3
C DATA
S 354
data <<
Subject: x

text
.
S 250
db select rcpt_to from quarantine = a@far.example,b@far.example,c@far.example,d@far.example
