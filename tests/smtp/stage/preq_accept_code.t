# accept(code) is the reply to the dot
rules <<
#{ preq: [ rule "yes" || accept("250 2.0.0 thank you") ] }
.
mailbox bob@home.example
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<bob@home.example>
S 250
C DATA
S 354
data <<
Subject: x

.
S 250 2.0.0 thank you
