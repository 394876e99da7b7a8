# faccept() for one recipient permits nothing for those named after it, nor spares them the rules
rules <<
#{
  rcpt: [
    rule "friend of bob" || if rcpt() == "bob@home.example" { faccept() } else { next() },
    rule "not carol" || if rcpt() == "carol@home.example" { deny() } else { next() },
    rule "friend outside" || if rcpt() == "friend@out.example" { faccept() } else { next() },
  ],
  preq: [ rule "never here" || deny() ],
}
.
mailbox bob@home.example
mailbox carol@home.example
include ../_rcpt.t FROM=a@b.example TO=bob@home.example
C RCPT TO:<v@evil.test>
S 554 5.7.1
C RCPT TO:<carol@home.example>
S 554
C RCPT TO:<friend@out.example>
S 250
C RCPT TO:<v@evil.test>
S 554 5.7.1
C DATA
S 354
data <<
Subject: x

.
S 250
db select group_concat(address) from (select address from recipient order by address) = bob@home.example,friend@out.example
