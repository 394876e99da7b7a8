# a filter after the queue that is not there: deferred, longer each time, also over a crash; then given up
rules <<
service filter smtp = #{ delegator: #{ address: "127.0.0.1:1" }, receiver: "127.0.0.1:2" };
#{
  postq: [
    action "before" || append_header("X-Before", "1"),
    delegate filter "look" || next(),
  ],
}
.
mailbox bob@home.example
mailbox ann@home.example
mail ann@home.example bob@home.example <<
Subject: x

text
.
until select queue, attempts from queue = deferred|1
until select count(*) from queue where last_reply like '4.3.0 %refused%' = 1
db select directive, status from trace where directive <> '' order by rowid = before|next, look|delegated, look|failed
kill
start
pause 20m
until select queue, attempts from queue = deferred|2
restart
pause 1h
until select queue, attempts from queue = deferred|3
db select count(*) from recipient where next_attempt_at > strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '+90 minutes') = 1
# what came before it is not done twice
let ID select id from queue
db select length(message) - length(replace(cast(message as text), 'X-Before', 'X-Befor')) from mail = 1
pause 6d
until select queue from queue where id = '${ID}' = dead
until select count(*) from recipient where id = '${ID}' and status = 'failed' and last_reply like 'given up: 4.3.0 %' = 1
# who sent it is told
file-has app/mailboxes/home.example/ann/Maildir/new/* "Status: 5.4.7"
