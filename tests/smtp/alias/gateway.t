# in front of a server that knows its people itself, aliases lead also to those nobody knows here
config <<
[server.smtp]
unknown_rcpt = "accept"
[app.aliases]
sales = ["alice", "bob"]
.
rules <<
#{ preq: [ rule "keep" || quarantine("kept") ] }
.
mail x@y.example sales@home.example carl@home.example <<
Subject: one

text
.
db select rcpt_to from quarantine = alice@home.example,bob@home.example,carl@home.example
