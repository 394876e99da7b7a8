# a mail that cannot be delivered goes to dead, and its sender gets a report, once
rules <<
#{}
.
config <<
[server.smtp]
unknown_rcpt = "accept"
.
mailbox alice@home.example
mailbox bob@home.example
mail alice@home.example nobody@home.example bob@home.example nobodyelse@home.example <<
From: alice@home.example
Subject: Holiday pictures
Message-ID: <1@home.example>

the text
.
file-count app/mailboxes/home.example/alice/Maildir/new/* = 1
file-has app/mailboxes/home.example/alice/Maildir/new/* Return-Path: <>
file-has app/mailboxes/home.example/alice/Maildir/new/* Subject: Not delivered: Holiday pictures
file-has app/mailboxes/home.example/alice/Maildir/new/* Auto-Submitted: auto-replied
file-has app/mailboxes/home.example/alice/Maildir/new/* Your message could not be delivered to these recipients:
file-has app/mailboxes/home.example/alice/Maildir/new/* There is no mailbox of that name.
file-has app/mailboxes/home.example/alice/Maildir/new/* Final-Recipient: rfc822; nobody@home.example
file-has app/mailboxes/home.example/alice/Maildir/new/* Final-Recipient: rfc822; nobodyelse@home.example
file-has app/mailboxes/home.example/alice/Maildir/new/* Status: 5.1.1
file-has app/mailboxes/home.example/alice/Maildir/new/* Message-ID: <1@home.example>
file-lacks app/mailboxes/home.example/alice/Maildir/new/* the text
file-lacks app/mailboxes/home.example/alice/Maildir/new/* bob@home.example
file-count app/mailboxes/home.example/bob/Maildir/new/* = 1
until select queue, last_reply from queue = dead|5.1.1 no such mailbox here
let ID select id from queue
db select count(*) from trace where id = '${ID}' and kind = 'server' and status = 'report' and detail like '% to alice@home.example' = 1
let REPORT select substr(detail, 1, 26) from trace where id = '${ID}' and status = 'report'
db select detail from trace where id = '${REPORT}' and kind = 'server' = about ${ID}
run explain ${ID}
out *server: report, ${REPORT} to alice@home.example
