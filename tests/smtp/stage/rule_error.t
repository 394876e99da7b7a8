# a rule that fails is a temporary refusal, with its place in the log
rules <<
#{
  mail: [
    rule "broken" || {
      let x = 1 / (ctx().mail_from.local_part.len() - 1);
      next()
    },
  ],
}
.
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 451 4.3.5
log ~ broken
log ~ main.vsl:4:
C MAIL FROM:<ab@b.example>
S 250
