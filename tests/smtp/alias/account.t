# an account is a recipient, from the moment it is there; its mailbox is made by its first mail
rules <<
#{}
.
config <<
[app.aliases]
mum = ["eve"]
.
S 220
C EHLO me
S 250
C MAIL FROM:<x@y.example>
S 250
C RCPT TO:<eve@home.example>
S 550 5.1.1
sql INSERT INTO account VALUES ('eve@home.example', 'x', 0, 0)
C RCPT TO:<EVE@home.example>
S 250
C RCPT TO:<mum@home.example>
S 250
C DATA
S 354
data <<
Subject: one

text
.
S 250
file-has app/mailboxes/home.example/eve/Maildir/new/* "Subject: one"
file-count app/mailboxes/home.example/eve/Maildir/new/* = 1
mail x@y.example eve+shop@home.example <<
Subject: two

text
.
file-has app/mailboxes/home.example/eve/Maildir/new/* "Subject: two"
