# quarantine at helo: everything of this connection is set aside, quietly
rules <<
#{
  helo: [ rule "trap" || if ctx().helo == "spam.example" { quarantine("trap") } else { next() } ],
  preq: [ rule "never here" || deny() ],
}
.
mailbox bob@home.example
S 220
C EHLO spam.example
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<bob@home.example>
S 250
C DATA
S 354
data <<
Subject: one

.
S 250
C RSET
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<bob@home.example>
S 250
C DATA
S 354
data <<
Subject: two

.
S 250
db select group_concat(subject), max(stage), max(rule) from (select * from quarantine where queue = 'trap' order by subject) = one,two|helo|trap
