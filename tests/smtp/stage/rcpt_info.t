# info() at rcpt removes the recipient again
rules <<
#{
  rcpt: [ rule "hm" || if ctx().rcpt.local_part == "bob" { info("450 4.2.0 try bob later") } else { next() } ],
}
.
mailbox bob@home.example
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<bob@home.example>
S 450 4.2.0 try bob later
C DATA
S 554
