# set aside for one recipient: the others are still judged, and none of them can let the mail through
rules <<
#{
  rcpt: [
    rule "trap" || if rcpt() == "trap@home.example" { quarantine("trap") } else { next() },
    rule "not carol" || if rcpt() == "carol@home.example" { deny() } else { next() },
    rule "vip" || if rcpt() == "bob@home.example" { faccept() } else { next() },
  ],
}
.
mailbox bob@home.example
mailbox carol@home.example
mailbox trap@home.example
include ../_rcpt.t FROM=a@b.example TO=trap@home.example
C RCPT TO:<carol@home.example>
S 554
C RCPT TO:<bob@home.example>
S 250
C DATA
S 354
data <<
Subject: x

.
S 250
db select queue, rcpt_to, stage, rule from quarantine = trap|trap@home.example,bob@home.example|rcpt|trap
