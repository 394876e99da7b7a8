# a filter that a rule of `delivery` hands the mail to is not asked again at later attempts
rules <<
#{ delivery: [ rule "first" || next() ] }
.
config <<
[server.queues]
delivery.deferred_retry_period = "10s"
.
mailbox bob@home.example
file app/mailboxes/home.example/bob/Maildir <<
a file where a folder should be
.
mail a@b.example bob@home.example <<
Subject: x

text
.
until select attempts from recipient = 1
rules <<
service filter smtp = #{ delegator: #{ address: "127.0.0.1:1" }, receiver: "127.0.0.1:2" };
#{
  delivery: [
    delegate filter "look" || deny(),
    action "behind" || mbox("bob@home.example"),
  ],
}
.
signal HUP
log ~ reloaded
let ID select id from queue
pause 1m
until select count(*) from queue = 0
file-has app/mailboxes/home.example/bob/mbox "Subject: x"
db select directive, status from trace where id = '${ID}' and kind in ('rule', 'action', 'delegate') = first|next, look|delegated, look|passed over, behind|next
