# attempt_count_max cancelled exchanges are forgiven
rules <<
#{}
.
config <<
[server.smtp.auth]
enable_dangerous_mechanism_in_clair = true
attempt_count_max = 2
.
S 220
C EHLO me
S 250
C AUTH PLAIN
S 334
C *
S 501 5.7.0
C AUTH LOGIN
S 334
C *
S 501 5.7.0
C AUTH PLAIN
S 334
C *
S 530 5.7.0
closed
