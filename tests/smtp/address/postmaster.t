# postmaster needs no domain, in any case of letters; nobody else goes without
rules <<
#{}
.
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<POSTMASTER@home.example>
S 250 2.1.5
C RSET
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<Postmaster>
S 250 2.1.5
C RCPT TO:<bob>
S 553 5.1.3
C RCPT TO:<>
S 501 5.1.3
C DATA
S 354
data <<
Subject: to the master

text
.
S 250
file-count app/mailboxes/home.example/postmaster/Maildir/new/* = 1
until select count(*) from queue = 0
