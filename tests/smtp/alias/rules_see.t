# rules see at rcpt what the client gave, from preq on who gets it; whom a rule adds may be an alias too
config <<
[app.aliases]
sales = ["alice", "bob"]
archive = ["carol"]
.
rules <<
#{
  rcpt: [ action "at rcpt" || log("warn", "at rcpt " + rcpt().to_string()) ],
  preq: [ action "at preq" || { log("warn", "at preq " + rcpt_list().len().to_string()); bcc("archive@home.example"); } ],
  postq: [ action "at postq" || log("warn", "at postq " + rcpt_list().len().to_string()) ],
}
.
mailbox alice@home.example
mailbox bob@home.example
mailbox carol@home.example
mail x@y.example sales@home.example <<
Subject: one

text
.
until select count(*) from queue = 0
log ~ at rcpt sales@home.example
log ~ at preq 2
log ~ at postq 3
file-has app/mailboxes/home.example/carol/Maildir/new/* "Subject: one"
