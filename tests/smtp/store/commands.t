# the same by the commands, with the server running
rules <<
#{ preq: [ rule "hold" || quarantine("demo") ] }
.
mailbox bob@home.example
mail a@b.example bob@home.example <<
Subject: first

text
.
mail a@b.example bob@home.example <<
Subject: second

text
.
let A select id from quarantine where subject = 'first'
let B select id from quarantine where subject = 'second'
run quarantine list
out *${A}*
run quarantine list --json
out *"subject":"first"*
run quarantine show ${A}
out subject *first
run quarantine release ${A}
file-count app/mailboxes/home.example/bob/Maildir/new/* = 1
run quarantine remove ${B}
db select count(*) from quarantine = 0
run quarantine release ${B}
exit 67
