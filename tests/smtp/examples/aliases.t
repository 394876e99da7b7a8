# rules/examples/aliases: one address for two people, labels, people who left
rules ../../../rules/examples/aliases/main.vsl
file people.vsl ../../../rules/examples/aliases/people.vsl
mailbox alice@home.example
mailbox bob@home.example
mailbox carol@home.example
mail shop@far.example sales@home.example <<
Subject: to sales

text
.
file-has app/mailboxes/home.example/alice/Maildir/new/* "X-Original-To: sales@home.example"
file-has app/mailboxes/home.example/bob/Maildir/new/* "to sales"
mail shop@far.example alice+shop@home.example <<
Subject: to the label

text
.
file-has app/mailboxes/home.example/alice/Maildir/new/* "to the label"
mail shop@far.example dave@home.example <<
Subject: to dave

text
.
file-has app/mailboxes/home.example/carol/Maildir/new/* "to dave"
