# what was set aside before preq meets the rules of preq once it is released, so it is still looked at
rules <<
#{
  connect: [ rule "connect" || if client_ip() == "127.0.0.2" { quarantine("held") } else { next() } ],
  helo: [ rule "helo" || if helo() == "odd.example" { quarantine("held") } else { next() } ],
  mail: [ rule "mail" || if mail_from() == "odd@b.example" { quarantine("held") } else { next() } ],
  rcpt: [ rule "rcpt" || if rcpt() == "odd@home.example" { quarantine("held") } else { next() } ],
  preq: [
    action "seen" || append_header("X-Seen", "preq"),
    rule "look" || {
      switch get_header("Subject") {
        "bad" => deny("550 5.7.1 bad words"),
        "info" => info("450 4.7.1 not so"),
        "again" => quarantine("worse"),
        "fast" => faccept(),
        _ => next()
      }
    },
  ],
  postq: [ action "later" || append_header("X-Seen", "postq") ],
}
.
mailbox bob@home.example
mailbox odd@home.example
from 127.0.0.2
connect A
S 220
C EHLO me.example
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<bob@home.example>
S 250
C DATA
S 354
data <<
Subject: connect

text
.
S 250
from 127.0.0.1
connect B
S 220
C EHLO odd.example
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<bob@home.example>
S 250
C DATA
S 354
data <<
Subject: helo

text
.
S 250
connect C
S 220
C EHLO me.example
S 250
C MAIL FROM:<odd@b.example>
S 250
C RCPT TO:<bob@home.example>
S 250
C DATA
S 354
data <<
Subject: mail

text
.
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<odd@home.example>
S 250
C DATA
S 354
data <<
Subject: rcpt

text
.
S 250
until select group_concat(stage) from (select stage from quarantine where queue = 'held' order by stage) = connect,helo,mail,rcpt
db select count(*) from trace where stage = 'preq' and kind <> 'server' = 0
sql update quarantine set queue = 'deliver' where stage in ('connect', 'mail')
let HELO select id from quarantine where stage = 'helo'
run quarantine release ${HELO}
let RCPT select id from quarantine where stage = 'rcpt'
run quarantine release ${RCPT}
until select count(*) from queue = 0
file-count app/mailboxes/home.example/bob/Maildir/new/* = 3
file-count app/mailboxes/home.example/odd/Maildir/new/* = 1
file-has app/mailboxes/home.example/odd/Maildir/new/* "X-Seen: preq\nX-Seen: postq\n\ntext"
db select count(*) from trace where stage = 'preq' and directive = 'look' and status = 'next' = 4
db select count(*) from trace where status = 'released' and detail = 'held' = 4
# what preq decides then
mail odd@b.example bob@home.example <<
Subject: bad

text
.
mail odd@b.example bob@home.example <<
Subject: info

text
.
mail odd@b.example bob@home.example <<
Subject: again

text
.
mail odd@b.example bob@home.example <<
Subject: fast

text
.
until select count(*) from quarantine where queue = 'held' = 4
sql update quarantine set queue = 'deliver'
until select subject, queue from queue order by subject = bad|dead, info|dead
until select subject, queue, stage, rule from quarantine = again|worse|preq|look
db select last_reply from queue where subject like 'bad' ~ 550 5.7.1 bad words*
file-count app/mailboxes/home.example/bob/Maildir/new/* = 4
# and released again it goes on behind that
sql update quarantine set queue = 'deliver'
file-count app/mailboxes/home.example/bob/Maildir/new/* = 5
