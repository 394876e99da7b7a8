# accept() ends the stage, it does not open the relay; faccept() does
rules <<
#{
  rcpt: [
    rule "door" || if ctx().rcpt.domain == "open.test" { faccept() } else { accept() },
  ],
}
.
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<v@evil.test>
S 554 5.7.1
C RCPT TO:<v@open.test>
S 250
