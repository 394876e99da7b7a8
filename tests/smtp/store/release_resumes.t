# a released mail goes on behind the directive that set it aside, by command and by SQL alike
rules <<
#{
  preq: [
    action "first" || append_header("X-Ran", "first"),
    rule "aside" || if get_header("Subject") == "preq" { quarantine("held") } else { next() },
    action "second" || append_header("X-Ran", "second"),
  ],
  postq: [
    action "third" || append_header("X-Ran", "third"),
    rule "late" || if get_header("Subject") == "postq" { quarantine("held") } else { next() },
    action "fourth" || append_header("X-Ran", "fourth"),
  ],
  delivery: [ action "last" || append_header("X-Ran", "last") ],
}
.
mailbox bob@home.example
mailbox eve@home.example
mailbox joe@home.example
mail a@b.example bob@home.example <<
Subject: preq

text
.
mail a@b.example eve@home.example <<
Subject: postq

text
.
mail a@b.example joe@home.example <<
Subject: preq

text
.
until select count(*) from quarantine where queue = 'held' = 3
let PREQ select id from quarantine where rcpt_to = 'bob@home.example'
let POSTQ select id from quarantine where stage = 'postq'
let SQL select id from quarantine where rcpt_to = 'joe@home.example'
run quarantine release ${PREQ}
run quarantine release ${POSTQ}
sql update quarantine set queue = 'deliver' where id = '${SQL}'
until select count(*) from queue = 0
file-has app/mailboxes/home.example/bob/Maildir/new/* "X-Ran: first\nX-Ran: second\nX-Ran: third\nX-Ran: fourth\nX-Ran: last\n\ntext"
file-has app/mailboxes/home.example/eve/Maildir/new/* "X-Ran: first\nX-Ran: second\nX-Ran: third\nX-Ran: fourth\nX-Ran: last\n\ntext"
file-has app/mailboxes/home.example/joe/Maildir/new/* "X-Ran: first\nX-Ran: second\nX-Ran: third\nX-Ran: fourth\nX-Ran: last\n\ntext"
# every decision has its row, the release too, however it was made
db select status || ' ' || detail from trace where id = '${PREQ}' and status = 'released' = released held
db select status || ' ' || detail from trace where id = '${SQL}' and status = 'released' = released held
db select count(*) from trace where id = '${POSTQ}' and status = 'released' = 1
db select directive from trace where id = '${SQL}' and kind in ('rule', 'action') = first, aside, second, third, late, fourth, last
run explain ${SQL}
out *released*held*
