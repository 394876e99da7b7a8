# the power fails at every commit in turn, before and behind it: what was answered 250 is there, once
# and whole; what was not may be there, whole
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox bob@home.example
each POINT begun commit committed <<POINTS
each ROUND 1 2 3 4 5 6 <<ROUNDS
env VSMTP_DIE_AT=${POINT}:${ROUND}
try a@b.example bob@home.example <<
Subject: ${POINT} ${ROUND}

${The quick brown fox jumps over the lazy dog. *8000}
last line
.
kill
env VSMTP_DIE_AT=
start
db select count(*) >= ${HEARD} and count(*) <= 1 from quarantine where subject = '${POINT} ${ROUND}' = 1
db select count(*) from mail where substr(message, length(message) - 12) <> cast(char(13,10)||'last line'||char(13,10) as blob) = 0
stop
ROUNDS
POINTS
