# after the queue a failing rule defers, it does not lose
rules <<
#{ postq: [ rule "broken" || { throw "no" } ] }
.
mailbox bob@home.example
mail a@b.example bob@home.example <<
Subject: x

text
.
log ~ broken
db select count(*) from queue = 1
rules <<
#{ postq: [ rule "mended" || next() ] }
.
signal HUP
log ~ reload
pause 5h
file-count app/mailboxes/home.example/bob/Maildir/new/* = 1
