# nothing that was ever used to relay goes through (facts: nmap smtp-open-relay and others)
rules <<
#{}
.
config <<
[server.smtp.error]
soft_count = -1
hard_count = -1
.
mailbox bob@home.example
S 220
C EHLO me
S 250
C MAIL FROM:<a@[192.0.2.1]>
S 250
C RCPT TO:<v@evil.test>
S 554 5.7.1
C RCPT TO:<v%evil.test@[192.0.2.1]>
S 554 5.7.1
C RCPT TO:<v%evil.test@home.example>
S 550 5.7.1
C RCPT TO:<"v@evil.test">
S 553 5.1.3
C RCPT TO:<"v%evil.test">
S 553 5.1.3
C RCPT TO:<v@evil.test@[192.0.2.1]>
S 501
C RCPT TO:<"v@evil.test"@[192.0.2.1]>
S 554 5.7.1
C RCPT TO:<v@evil.test@home.example>
S 501
C RCPT TO:<"v@evil.test"@home.example>
S 550 5.7.1
C RCPT TO:<evil.test!v>
S 553 5.1.3
C RCPT TO:<evil.test!v@[192.0.2.1]>
S 554 5.7.1
C RCPT TO:<evil.test!v@home.example>
S 550 5.7.1
C RCPT TO:<v@evil.test.>
S 5*
C RCPT TO:<v@EVIL.TEST>
S 554 5.7.1
C RCPT TO:<v@[IPv6:::1]>
S 554 5.7.1
C RCPT TO:<v@home.example.evil.test>
S 554 5.7.1
C RCPT TO:<v@xn--evil-epa.test>
S 554 5.7.1
raw "RCPT TO:<v@evil.test\0.home.example>\r\n"
S 500 5.5.2
C RCPT TO: <v@evil.test>
S 554 5.7.1
C RCPT TO:v@evil.test
S 501
C RCPT TO:<v@evil.test> <bob@home.example>
S 5*
C RCPT TO:<bob@home.example,v@evil.test>
S 501
C DATA
S 554 5.5.1
