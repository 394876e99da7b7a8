# whoever is not known goes to the catch-all, domain by domain; a whole domain may stand for another
config <<
[server.virtual."shop.example"]
[server.virtual."old.example"]
[server.virtual."none.example"]
[app.aliases]
"@home.example" = ["alice"]
"bob@shop.example" = ["bob"]
"@old.example" = ["@home.example"]
.
rules <<
#{}
.
mailbox alice@home.example
mailbox bob@home.example
mail x@y.example whoever@home.example bob+tag@home.example <<
Subject: one

text
.
until select count(*) from queue = 0
file-has app/mailboxes/home.example/alice/Maildir/new/* "Subject: one"
file-has app/mailboxes/home.example/bob/Maildir/new/* "Delivered-To: bob+tag@home.example\n"
mail x@y.example bob@old.example <<
Subject: two

text
.
file-has app/mailboxes/home.example/bob/Maildir/new/* "Subject: two"
mail x@y.example postmaster@none.example <<
Subject: three

text
.
file-has app/mailboxes/home.example/postmaster/Maildir/new/* "Subject: three"
S 220
C EHLO me
S 250
C MAIL FROM:<x@y.example>
S 250
C RCPT TO:<alice@shop.example>
S 550 5.1.1
C RCPT TO:<bob@none.example>
S 550 5.1.1
C RCPT TO:<bob@SHOP.example>
S 250
