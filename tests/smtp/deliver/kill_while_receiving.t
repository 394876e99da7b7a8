# what was not answered 250 is not there after a crash
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox bob@home.example
include ../_data.t FROM=a@b.example TO=bob@home.example
raw "Subject: half\r\n\r\n${The quick brown fox jumps over the lazy dog.\r\n*20000}"
mail a@b.example bob@home.example <<
Subject: whole

text
.
kill
start
db select group_concat(subject) from quarantine = whole
