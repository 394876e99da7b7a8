# a recipient for whom a rule chose how he is delivered is not looked up
config <<
[app.aliases]
alice = ["bob"]
.
rules <<
#{
  rcpt: [ action "here" || if rcpt() is "alice@home.example" { maildir(rcpt()) } ],
}
.
mailbox alice@home.example
mailbox bob@home.example
mail x@y.example alice@home.example <<
Subject: one

text
.
file-has app/mailboxes/home.example/alice/Maildir/new/* "Subject: one"
file-count app/mailboxes/home.example/bob/Maildir/new/* = 0
