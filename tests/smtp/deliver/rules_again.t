# what waits for a dead host goes where the rules of today say; what they did to it first is done once
rules <<
#{
  delivery: [
    action "first" || {
      append_header("X-Mark", "1");
      add_rcpt("carl@home.example");
      forward("bob@home.example", "smtp://127.0.0.1:1");
    },
  ],
}
.
config <<
[server.queues]
delivery.deferred_retry_period = "10s"
.
mailbox ann@home.example
mailbox bob@home.example
mailbox carl@home.example
mailbox eve@home.example
mail a@b.example bob@home.example ann@home.example <<
Subject: x

text
.
until select attempts from recipient where address = 'bob@home.example' = 1
file-count app/mailboxes/home.example/ann/Maildir/new/* = 1
file-count app/mailboxes/home.example/carl/Maildir/new/* = 1
pause 30s
until select attempts from recipient where address = 'bob@home.example' = 2
# header, sender and added recipients are settled; who has it already may still be named
rules <<
#{
  delivery: [
    action "again" || {
      append_header("X-Mark", "2");
      rewrite_mail_from("other@b.example");
      add_rcpt("eve@home.example");
      mbox("ann@home.example");
    },
  ],
}
.
signal HUP
log ~ reloaded
pause 1m
until select attempts from recipient where address = 'bob@home.example' = 3
db select mail_from from queue = a@b.example
db select address, transport, status from recipient = bob@home.example|forward|pending, ann@home.example|maildir|done, carl@home.example|maildir|done
db select length(message) - length(replace(cast(message as text), 'X-Mark', 'X-Mar')) from mail = 1
# where it goes counts, and that is written
rules <<
#{ delivery: [ action "home" || maildir("bob@home.example") ] }
.
restart
pause 2m
until select count(*) from queue = 0
file-has app/mailboxes/home.example/bob/Maildir/new/* "X-Mark: 1\n\ntext"
file-has app/mailboxes/home.example/bob/Maildir/new/* Return-Path: <a@b.example>
file-count app/mailboxes/home.example/ann/Maildir/new/* = 1
file-count app/mailboxes/home.example/carl/Maildir/new/* = 1
file-count app/mailboxes/home.example/eve/Maildir/new/* = 0
