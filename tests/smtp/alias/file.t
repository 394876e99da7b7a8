# an aliases file as sendmail reads it: continued lines, quotes, remarks, comments
file aliases <<
# people
postmaster: root
root:	alice,
	# a comment within
  "bob" (he is away in May),

	Carol@home.example
"joe smith": bob
dave : \dave, alice
.
config <<
[app]
aliases_file = "aliases"
.
rules <<
#{}
.
mailbox alice@home.example
mailbox bob@home.example
mailbox carol@home.example
mailbox dave@home.example
mail a@b.example postmaster@home.example <<
Subject: one

text
.
until select count(*) from queue = 0
file-has app/mailboxes/home.example/alice/Maildir/new/* "Subject: one"
file-has app/mailboxes/home.example/bob/Maildir/new/* "Subject: one"
file-has app/mailboxes/home.example/carol/Maildir/new/* "Subject: one"
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<"Joe Smith"@home.example>
S 250
C DATA
S 354
data <<
Subject: two

text
.
S 250
file-has app/mailboxes/home.example/bob/Maildir/new/* "Subject: two"
mail a@b.example dave@home.example <<
Subject: three

text
.
file-has app/mailboxes/home.example/alice/Maildir/new/* "Subject: three"
file-has app/mailboxes/home.example/dave/Maildir/new/* "Subject: three"
