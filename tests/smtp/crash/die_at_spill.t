# the power fails in the middle of a long mail
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox bob@home.example
env VSMTP_DIE_AT=spill:3
include ../_data.t FROM=a@b.example TO=bob@home.example
raw "Subject: long\r\n\r\n${The quick brown fox jumps over the lazy dog.\r\n*20000}.\r\n"
closed
died
env VSMTP_DIE_AT=
start
db select count(*) from quarantine = 0
db select count(*) from mail = 0
mail a@b.example bob@home.example <<
Subject: again

text
.
db select subject from quarantine = again
