# domains without regard to case
rules <<
#{}
.
mailbox alice@home.example
include ../_rcpt.t FROM=a@b.example TO=alice@HOME.Example
C RCPT TO:<Alice@home.example>
S 250
