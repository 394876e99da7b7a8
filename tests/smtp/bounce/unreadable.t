# a mail that cannot be read any more: its sender is told, without it
rules <<
#{ preq: [ rule "hold" || if get_header("Subject") == "held" { quarantine("held") } else { next() } ] }
.
mailbox alice@home.example
mailbox bob@home.example
mail alice@home.example bob@home.example <<
Subject: held

text
.
db select count(*) from quarantine = 1
sql delete from body
sql update quarantine set queue = 'deliver'
until select queue from queue where subject = 'held' = dead
file-has app/mailboxes/home.example/alice/Maildir/new/* It is not sent back.
file-has app/mailboxes/home.example/alice/Maildir/new/* Action: failed
