# what a rule refuses after the queue, or sets aside, is reported to nobody: who sends spam is not whom
# it says it is from
rules <<
#{
  postq: [
    rule "spam" || if get_header("Subject") == "spam" { deny() } else { next() },
    rule "virus" || if get_header("Subject") == "virus" { quarantine("virus") } else { next() },
  ]
}
.
mailbox alice@home.example
mailbox bob@home.example
mail alice@home.example bob@home.example <<
Subject: spam

text
.
mail alice@home.example bob@home.example <<
Subject: virus

text
.
until select queue, last_reply from queue = dead|554 5.7.1 permanent problems with the remote server; sender not told: a rule refused it
until select count(*) from quarantine = 1
file-count app/mailboxes/home.example/alice/Maildir/new/* = 0
