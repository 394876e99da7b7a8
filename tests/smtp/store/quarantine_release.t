# released by SQL: the server notices and delivers
rules <<
#{ preq: [ rule "hold" || if get_header("Subject").contains("[hold]") { quarantine("demo") } else { next() } ] }
.
mailbox bob@home.example
mail a@b.example bob@home.example <<
Subject: [hold] one

text
.
mail c@b.example bob@home.example <<
Subject: [hold] two

text
.
db select queue, mail_from, rcpt_to, subject, stage, rule from quarantine order by subject = demo|a@b.example|bob@home.example|[hold] one|preq|hold, demo|c@b.example|bob@home.example|[hold] two|preq|hold
sql update quarantine set queue = 'deliver' where subject like '%one%'
file-count app/mailboxes/home.example/bob/Maildir/new/* = 1
db select count(*) from quarantine = 1
sql update quarantine set queue = 'other' where subject like '%two%'
db select queue from quarantine = other
sql delete from quarantine
db select count(*) from quarantine = 0
until select count(*) from mail = 0
