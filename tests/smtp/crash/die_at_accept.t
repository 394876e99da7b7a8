# the power fails before the commit: never answered 250, so nothing half may be there
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox bob@home.example
env VSMTP_DIE_AT=accept
include ../_data.t FROM=a@b.example TO=bob@home.example
data <<
Subject: lost

text
.
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
