# at least 100 (RFC 5321 4.5.3.1.8); the default is 1000
rules <<
#{
  rcpt: [ rule "all" || faccept() ],
}
.
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 250
pipeline
raw "RCPT TO:<a0@x.example>\r\nRCPT TO:<a1@x.example>\r\nRCPT TO:<a2@x.example>\r\n"
C RSET
S 250
S 250
S 250
S 250
