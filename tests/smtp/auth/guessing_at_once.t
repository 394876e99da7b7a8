# exchanges begun before somebody is shut out are no further guesses
rules <<
#{}
.
config <<
[server.smtp.auth]
enable_dangerous_mechanism_in_clair = true
[server.smtp.error]
soft_count = -1
hard_count = -1
.
start
input <<
correct horse
.
run user add bob@home.example
from 127.0.0.5
connect early
S 220
C EHLO me
S 250
C AUTH LOGIN
S 334
connect proof
S 220
C EHLO me
S 250
C AUTH SCRAM-SHA-256 biwsbj1ib2Iscj1hYmM=
S 334
connect guesser
S 220
C EHLO me
S 250
each N 1 2 3 4 5 6 7 8 9 10 <<END
C AUTH PLAIN AGJvYkBob21lLmV4YW1wbGUAd3Jvbmc=
pause 9s
S 535 5.7.8
END
use early
C Ym9i
S 421 4.7.0
closed
use proof
C Yz1iaXdzLHI9YWJjLHA9YWJj
S 421 4.7.0
closed
