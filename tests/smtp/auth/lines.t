# a line of an exchange: 12288 octets and no more, nothing but CR LF at its end
rules <<
#{}
.
config <<
[server.smtp.auth]
enable_dangerous_mechanism_in_clair = true
.
config <<
[server.smtp.error]
soft_count = -1
hard_count = -1
.
S 220
C EHLO me
S 250
C AUTH PLAIN ${A*12273}
S 501 5.5.2
C AUTH PLAIN ${A*12272}
S 501 5.5.4
C AUTH PLAIN ${A*12276}
S 500 5.5.2
C AUTH PLAIN
S 334
C ${A*12284}
S 501
C AUTH PLAIN
S 334
C ${A*12288}
S 500 5.5.6
C AUTH PLAIN
S 334
raw "AAAA\nAAAA\r\n"
S 500 5.5.2
C AUTH PLAIN
S 334
raw "AA\0A\r\n"
S 501 5.5.2
C NOOP
S 250
