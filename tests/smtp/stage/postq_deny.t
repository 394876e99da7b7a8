rules <<
#{ postq: [ rule "late" || deny() ] }
.
mailbox bob@home.example
mail a@b.example bob@home.example <<
Subject: x

text
.
until select queue from queue = dead
file-count app/mailboxes/home.example/bob/Maildir/new/* = 0
