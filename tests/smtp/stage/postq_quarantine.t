rules <<
#{ postq: [ rule "late" || quarantine("late") ] }
.
mailbox bob@home.example
mail a@b.example bob@home.example <<
Subject: x

text
.
until select queue, stage, rule from quarantine = late|postq|late
db select count(*) from queue = 0
file-count app/mailboxes/home.example/bob/Maildir/new/* = 0
