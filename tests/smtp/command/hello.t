# greeting, EHLO and its extensions, HELO, and both again
rules <<
#{}
.
S 220 home.example *
C EHLO me.example
S 250-home.example
S 250-PIPELINING
S 250-SIZE 50000000
S 250-8BITMIME
S 250-SMTPUTF8
S 250-ENHANCEDSTATUSCODES
S 250-DSN
S 250 HELP
reply !~ STARTTLS
reply !~ AUTH
reply !~ CHUNKING
C HELO me.example
S 250 Ok
C ehlo [127.0.0.1]
S 250
C Ehlo [IPv6:::1]
S 250
C QUIT
S 221 2.0.0
closed
