# the power fails while a failure is recorded: the failing recipient and the report to its sender are
# one transaction, so there is one report for each mail that failed, and it comes once
rules <<
#{}
.
config <<
[server.smtp]
unknown_rcpt = "accept"
.
mailbox alice@home.example
each POINT begun:1 begun:2 begun:3 record:1 record:2 commit:1 commit:2 commit:3 committed:1 committed:2 committed:3 <<POINTS
env VSMTP_DIE_AT=${POINT}
try alice@home.example nobody@home.example <<
Subject: ${POINT}

text
.
died
env VSMTP_DIE_AT=
start
until select count(*) from recipient where status = 'pending' = 0
db select count(*) >= ${HEARD} and count(*) <= 1 from queue where queue = 'dead' and subject = '${POINT}' = 1
let FAILED select count(*) from queue where queue = 'dead'
db select count(*) from trace where status = 'report' and detail like 'about %' = ${FAILED}
file-count app/mailboxes/home.example/alice/Maildir/new/* = ${FAILED}
stop
POINTS
