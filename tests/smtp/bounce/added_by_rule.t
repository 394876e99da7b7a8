# the failure of a recipient whom a rule added is not the sender's business
rules <<
#{ rcpt: [ action "archive" || ctx().add_rcpt("archive@home.example") ] }
.
config <<
[server.smtp]
unknown_rcpt = "accept"
.
mailbox alice@home.example
mailbox bob@home.example
mail alice@home.example bob@home.example <<
Subject: x

text
.
until select queue, last_reply from queue = dead|5.1.1 no such mailbox here; sender not told: a rule added this recipient
file-count app/mailboxes/home.example/alice/Maildir/new/* = 0
