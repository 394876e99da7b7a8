# what a client asked for with NOTIFY is what its sender is told
rules <<
#{}
.
config <<
[server.smtp]
unknown_rcpt = "accept"
.
mailbox alice@home.example
mailbox bob@home.example
S 220
C EHLO me.example
S 250
# a failure nobody wants to hear of
C MAIL FROM:<alice@home.example>
S 250
C RCPT TO:<never@home.example> NOTIFY=NEVER
S 250
C RCPT TO:<success@home.example> NOTIFY=SUCCESS,DELAY
S 250
C DATA
S 354
data <<
Subject: quiet

text
.
S 250
until select count(*) from recipient where last_reply = '5.1.1 no such mailbox here; sender not told: he asked not to be' = 2
file-count app/mailboxes/home.example/alice/Maildir/new/* = 0
# a success, and a failure beside it, with what identifies them
C MAIL FROM:<alice@home.example> RET=HDRS ENVID=QQ+2B314
S 250
C RCPT TO:<bob@home.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;robert+2Bx@far.example
S 250
C RCPT TO:<nobody@home.example> NOTIFY=FAILURE ORCPT=rfc822;nobody@far.example
S 250
C DATA
S 354
data <<
Subject: asked for

text
.
S 250
file-count app/mailboxes/home.example/bob/Maildir/new/* = 1
file-count app/mailboxes/home.example/alice/Maildir/new/* = 1
file-has app/mailboxes/home.example/alice/Maildir/new/* Original-Envelope-Id: QQ+314
file-has app/mailboxes/home.example/alice/Maildir/new/* Original-Recipient: rfc822; robert+x@far.example
file-has app/mailboxes/home.example/alice/Maildir/new/* Action: delivered
file-has app/mailboxes/home.example/alice/Maildir/new/* Original-Recipient: rfc822; nobody@far.example
file-has app/mailboxes/home.example/alice/Maildir/new/* Action: failed
file-lacks app/mailboxes/home.example/alice/Maildir/new/* never@home.example
