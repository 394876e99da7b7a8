# accept(code) is the reply to the dot
rules <<
#{ preq: [ rule "yes" || accept("250 2.0.0 thank you") ] }
.
mailbox bob@home.example
include ../_data.t FROM=a@b.example TO=bob@home.example
data <<
Subject: x

.
S 250 2.0.0 thank you
