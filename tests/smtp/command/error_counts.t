# after soft_count errors answers come late, after hard_count the connection ends
config <<
[server.smtp.error]
soft_count = 2
hard_count = 4
delay = "30s"
.
rules <<
#{}
.
S 220
C EHLO me
S 250
C ONE
S 500
C TWO
S 500
C THREE
pause 31s
S 500
C NOOP
pause 31s
S 250
C FOUR
pause 31s
S 500
C FIVE
pause 31s
S 500
S 421 4.7.0
closed
log ~ too many errors
