# who stops in the middle of an exchange is not waited for longer than for a command
rules <<
#{}
.
config <<
[server.smtp.auth]
enable_dangerous_mechanism_in_clair = true
.

S 220
C EHLO me
S 250
C AUTH PLAIN
S 334
pause 4m
C =
S 501
C AUTH LOGIN
S 334
pause 6m
S 421 4.4.2
closed
