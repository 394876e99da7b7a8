# the program never waits for a person: see store's own tests for the time limits
rules <<
#{ preq: [ rule "hold" || quarantine("demo") ] }
.
mailbox bob@home.example
mail a@b.example bob@home.example <<
Subject: x

text
.
sql begin immediate; update quarantine set queue = 'a'; commit
db select queue from quarantine = a
