# until SPF is there a call throws: 451, never through
rules <<
#{
  mail: [
    rule "check spf" || check_spf("mail_from", "spf");
  ],
}
.
run check
err *spf*
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 451 4.3.5
