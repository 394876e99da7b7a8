# the power fails at every commit in turn, before and behind it: the mail and the report about whom it
# was refused for are there once
rules rules.vsl
mailbox bob@home.example
mailbox alice@home.example
start
stop
each POINT begun commit committed <<POINTS
each ROUND 1 2 3 <<ROUNDS
input <<
Subject: ${POINT} ${ROUND}

text
.
exec sendmail -C ${DIR}/vsmtp.toml -f alice@home.example bob enemy
env VSMTP_DIE_AT=${POINT}:${ROUND}
start
died
env VSMTP_DIE_AT=
start
file-count queues/drop/* = 0
until select count(*) from queue where queue <> 'dead' = 0
stop
ROUNDS
POINTS
file-count app/mailboxes/home.example/bob/Maildir/new/* = 9
file-count app/mailboxes/home.example/alice/Maildir/new/* = 9
