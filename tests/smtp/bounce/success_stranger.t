# a stranger who asks for a report of success could have one sent to anybody: he gets none
rules <<
#{
  rcpt: [
    rule "known net" || if client_ip() == "127.0.0.7" { check_relay(["127.0.0.7"]) } else { next() },
  ]
}
.
mailbox alice@home.example
mailbox bob@home.example
from 127.0.0.9
S 220
C EHLO me.example
S 250
C MAIL FROM:<alice@home.example> ENVID=first
S 250
C RCPT TO:<bob@home.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;bob@home.example
S 250
C RCPT TO:<postmaster@home.example> NOTIFY=SUCCESS
S 250
C DATA
S 354
data <<
Subject: quiet

text
.
S 250
file-count app/mailboxes/home.example/bob/Maildir/new/* = 1
# who may relay is told
from 127.0.0.7
connect
S 220
C EHLO me.example
S 250
C MAIL FROM:<alice@home.example> ENVID=second
S 250
C RCPT TO:<bob@home.example> NOTIFY=SUCCESS
S 250
C DATA
S 354
data <<
Subject: heard

text
.
S 250
file-has app/mailboxes/home.example/alice/Maildir/new/* Original-Envelope-Id: second
file-count app/mailboxes/home.example/bob/Maildir/new/* = 2
file-count app/mailboxes/home.example/alice/Maildir/new/* = 1
