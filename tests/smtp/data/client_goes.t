# a client that goes in the middle leaves nothing behind
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox bob@home.example
include ../_data.t FROM=a@b.example TO=bob@home.example
raw "Subject: big\r\n\r\n${The quick brown fox jumps over the lazy dog.\r\n*20000}"
disconnect
mail a@b.example bob@home.example <<
Subject: after

text
.
db select count(*) from quarantine = 1
