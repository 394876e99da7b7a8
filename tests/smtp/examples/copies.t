# rules/examples/copies: an archive of what we send, marks on what comes in
rules ../../../rules/examples/copies/main.vsl
mailbox bob@home.example
mailbox alice@home.example
mailbox archive@home.example
mail a@far.example bob@home.example <<
Subject: greetings

text
.
file-has app/mailboxes/home.example/bob/Maildir/new/* "Subject: [extern] greetings"
file-has app/mailboxes/home.example/bob/Maildir/new/* "X-Origin: 127.0.0.1 ("
mail bob@home.example alice@home.example <<
Subject: inside

text
.
file-has app/mailboxes/home.example/alice/Maildir/new/* "Subject: inside"
file-has app/mailboxes/home.example/archive/Maildir/new/* "Subject: inside"
