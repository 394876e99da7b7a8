# the power fails at every commit in turn: what was answered 250 is there, once and whole; what
# was not may be there, whole
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox bob@home.example
env VSMTP_DIE_AT=committed:1
try a@b.example bob@home.example <<
Subject: round 1

${The quick brown fox jumps over the lazy dog. *8000}
last line
.
kill
env VSMTP_DIE_AT=
start
db select count(*) >= ${HEARD} and count(*) <= 1 from quarantine where subject = 'round 1' = 1
db select count(*) from mail where substr(message, length(message) - 12) <> cast(char(13,10)||'last line'||char(13,10) as blob) = 0
stop
env VSMTP_DIE_AT=committed:2
try a@b.example bob@home.example <<
Subject: round 2

${The quick brown fox jumps over the lazy dog. *8000}
last line
.
kill
env VSMTP_DIE_AT=
start
db select count(*) >= ${HEARD} and count(*) <= 1 from quarantine where subject = 'round 2' = 1
db select count(*) from mail where substr(message, length(message) - 12) <> cast(char(13,10)||'last line'||char(13,10) as blob) = 0
stop
env VSMTP_DIE_AT=committed:3
try a@b.example bob@home.example <<
Subject: round 3

${The quick brown fox jumps over the lazy dog. *8000}
last line
.
kill
env VSMTP_DIE_AT=
start
db select count(*) >= ${HEARD} and count(*) <= 1 from quarantine where subject = 'round 3' = 1
db select count(*) from mail where substr(message, length(message) - 12) <> cast(char(13,10)||'last line'||char(13,10) as blob) = 0
stop
env VSMTP_DIE_AT=committed:4
try a@b.example bob@home.example <<
Subject: round 4

${The quick brown fox jumps over the lazy dog. *8000}
last line
.
kill
env VSMTP_DIE_AT=
start
db select count(*) >= ${HEARD} and count(*) <= 1 from quarantine where subject = 'round 4' = 1
db select count(*) from mail where substr(message, length(message) - 12) <> cast(char(13,10)||'last line'||char(13,10) as blob) = 0
stop
env VSMTP_DIE_AT=committed:5
try a@b.example bob@home.example <<
Subject: round 5

${The quick brown fox jumps over the lazy dog. *8000}
last line
.
kill
env VSMTP_DIE_AT=
start
db select count(*) >= ${HEARD} and count(*) <= 1 from quarantine where subject = 'round 5' = 1
db select count(*) from mail where substr(message, length(message) - 12) <> cast(char(13,10)||'last line'||char(13,10) as blob) = 0
stop
env VSMTP_DIE_AT=committed:6
try a@b.example bob@home.example <<
Subject: round 6

${The quick brown fox jumps over the lazy dog. *8000}
last line
.
kill
env VSMTP_DIE_AT=
start
db select count(*) >= ${HEARD} and count(*) <= 1 from quarantine where subject = 'round 6' = 1
db select count(*) from mail where substr(message, length(message) - 12) <> cast(char(13,10)||'last line'||char(13,10) as blob) = 0
stop
