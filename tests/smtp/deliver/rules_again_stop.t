# a mail that waits is refused, set aside or let go by the rules of today; a released one is not judged anew
rules <<
#{ delivery: [ rule "first" || if get_header("Subject") == "let" { faccept() } else { next() } ] }
.
config <<
[server.queues]
delivery.deferred_retry_period = "10s"
.
mailbox ann@home.example
mailbox bob@home.example
mailbox carl@home.example
file app/mailboxes/home.example/bob/Maildir <<
a file where a folder should be
.
file app/mailboxes/home.example/carl/Maildir <<
a file where a folder should be
.
mail ann@home.example bob@home.example <<
Subject: deny

text
.
mail ann@home.example bob@home.example <<
Subject: aside

text
.
mail ann@home.example bob@home.example carl@home.example <<
Subject: remove

text
.
mail ann@home.example bob@home.example <<
Subject: fail

text
.
mail ann@home.example bob@home.example <<
Subject: let

text
.
until select count(*) from recipient where attempts = 1 = 6
let LET select id from queue where subject = 'let'
let DENY select id from queue where subject = 'deny'
let ASIDE select id from queue where subject = 'aside'
let REMOVE select id from queue where subject = 'remove'
let FAIL select id from queue where subject = 'fail'
rules <<
#{
  delivery: [
    rule "judge" || {
      let what = get_header("Subject");
      if what == "deny" || what == "let" { return deny() }
      if what == "aside" { return quarantine("held") }
      if what == "fail" { throw "no" }
      if what == "remove" { remove_rcpt("carl@home.example") }
      next()
    },
  ],
}
.
signal HUP
log ~ reloaded
pause 1m
until select queue from queue where id = '${DENY}' = dead
db select status from recipient where id = '${DENY}' = failed
db select stage, directive, status from trace where id = '${DENY}' and kind = 'rule' = delivery|first|next, delivery|judge|deny
until select queue, stage, rule from quarantine where id = '${ASIDE}' = held|delivery|judge
until select address, status from recipient where id = '${REMOVE}' = bob@home.example|pending, carl@home.example|removed
until select attempts from recipient where id = '${FAIL}' = 2
db select last_reply from recipient where id = '${FAIL}' = 4.3.5 rule "judge" failed
until select attempts from recipient where id = '${LET}' = 2
db select queue from queue where id = '${LET}' = deferred
# the sender of what rules refused is not told
file-count app/mailboxes/home.example/ann/Maildir/new/* = 0
run quarantine release ${ASIDE}
until select queue, attempts from queue where id = '${ASIDE}' = deferred|2
pause 10m
until select attempts from recipient where id = '${ASIDE}' = 3
until select attempts from recipient where id = '${FAIL}' = 3
rules <<
#{ delivery: [ action "home" || mbox("bob@home.example") ] }
.
restart
pause 30m
until select count(*) from queue where id in ('${FAIL}', '${REMOVE}') = 0
file-has app/mailboxes/home.example/bob/mbox "Subject: fail"
file-has app/mailboxes/home.example/bob/mbox "Subject: remove"
file-lacks app/mailboxes/home.example/bob/mbox "Subject: deny"
db select queue from queue where id = '${ASIDE}' = deferred
