# a header cannot begin with a continuation
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox bob@home.example
mail a@b.example bob@home.example <<
 folded: before anything
Subject: x

text
.
db select count(*) from quarantine = 1
db select subject from quarantine = ""
