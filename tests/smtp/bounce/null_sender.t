# nobody is told of a mail from nobody, and last_reply says so
rules <<
#{}
.
config <<
[server.smtp]
unknown_rcpt = "accept"
.
mail <> nobody@home.example <<
Subject: a report of somebody else

text
.
until select queue, mail_from, last_reply from queue = dead||5.1.1 no such mailbox here; sender not told: it came from nobody
db select count(*) from queue = 1
let ID select id from queue
run explain ${ID}
out *server: no report, it came from nobody
