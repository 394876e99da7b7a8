# a filter that stays down, behind the queue: the sender is told once that it takes long, and in the end
# that it failed
config <<
[server.queues]
delivery.deferred_retry_period = "10s"
.
mailbox alice@home.example
mailbox bob@home.example
each STAGE postq delivery <<END
rules <<
service filter smtp = #{ delegator: #{ address: "127.0.0.1:1" }, receiver: "127.0.0.1:2" };
#{ ${STAGE}: [ delegate filter "look" || next() ] }
.
start
mail alice@home.example bob@home.example <<
Subject: ${STAGE} later

text
.
until select attempts from recipient where address like 'bob%' and id in (select id from queue where queue = 'deferred') = 1
pause 1h
until select attempts from recipient where address like 'bob%' and id in (select id from queue where queue = 'deferred') = 2
file-lacks app/mailboxes/home.example/alice/Maildir/new/* ${STAGE} later
pause 4h
until select attempts from recipient where address like 'bob%' and id in (select id from queue where queue = 'deferred') = 3
file-has app/mailboxes/home.example/alice/Maildir/new/* Subject: Not delivered yet: ${STAGE} later
pause 6h
until select attempts from recipient where address like 'bob%' and id in (select id from queue where queue = 'deferred') = 4
db select warned from rcpt where address like 'bob%' and status = 'pending' = 1
pause 6d
until select queue from queue where subject = '${STAGE} later' = dead
file-has app/mailboxes/home.example/alice/Maildir/new/* Subject: Not delivered: ${STAGE} later
stop
END
file-count app/mailboxes/home.example/alice/Maildir/new/* = 4
file-count app/mailboxes/home.example/bob/Maildir/new/* = 0
