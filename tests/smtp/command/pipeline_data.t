# text behind DATA before 354 may be meant as text or as commands: neither is trusted
rules <<
#{}
.
mailbox alice@home.example
S 220
C EHLO me
S 250
pipeline
C MAIL FROM:<a@b.example>
C RCPT TO:<alice@home.example>
C DATA
data <<
Subject: x

text
.
C MAIL FROM:<evil@b.example>
S 250
S 250
S 554 5.5.0
closed
db select count(*) from queue = 0
