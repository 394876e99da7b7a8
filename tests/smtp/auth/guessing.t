# who guesses waits longer each time, and is shut out after ten
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
S 220
C EHLO me
S 250
each N 1 2 3 4 5 6 7 8 9 10 <<END
C AUTH PLAIN AGJvYkBob21lLmV4YW1wbGUAd3Jvbmc=
pause 9s
S 535 5.7.8
END
C AUTH PLAIN AGJvYkBob21lLmV4YW1wbGUAY29ycmVjdCBob3JzZQ==
S 421 4.7.0
closed
connect again
S 220
C EHLO me
S 250
C AUTH PLAIN AGJvYkBob21lLmV4YW1wbGUAY29ycmVjdCBob3JzZQ==
S 421 4.7.0
from 127.0.0.6
connect neighbour
S 220
C EHLO me
S 250
C AUTH PLAIN AGJvYkBob21lLmV4YW1wbGUAY29ycmVjdCBob3JzZQ==
S 235
from 127.0.0.5
connect other
S 220
pause 16m
connect later
S 220
C EHLO me
S 250
C AUTH PLAIN AGJvYkBob21lLmV4YW1wbGUAY29ycmVjdCBob3JzZQ==
S 235
