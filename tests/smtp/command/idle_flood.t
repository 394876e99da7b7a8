# commands that lead nowhere count as errors after a while
rules <<
#{}
.
config <<
[server.smtp.error]
soft_count = -1
hard_count = 5
.
S 220
C EHLO me
S 250
pipeline
raw "${NOOP\r\n*150}"
S 250
