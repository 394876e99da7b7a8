# one refused recipient costs the others nothing
rules <<
#{
  rcpt: [ rule "no" || if ctx().rcpt.local_part == "bob" { deny("550 5.7.1 not bob") } else { next() } ],
  preq: [ rule "hold" || quarantine("held") ],
}
.
mailbox alice@home.example
mailbox bob@home.example
mailbox carol@home.example
include ../_rcpt.t FROM=a@b.example TO=alice@home.example
C RCPT TO:<bob@home.example>
S 550 5.7.1 not bob
C RCPT TO:<carol@home.example>
S 250
C DATA
S 354
data <<
Subject: x

text
.
S 250
db select rcpt_to from quarantine = alice@home.example,carol@home.example
