# named twice, delivered once
rules <<
#{}
.
mailbox bob@home.example
mail a@b.example bob@home.example bob@HOME.example <<
Subject: x

text
.
until select count(*) from queue = 0
file-count app/mailboxes/home.example/bob/Maildir/new/* = 1
