# what people do to a mail that waits: anywhere it may be moved, nothing is told to anybody, and what is
# dead lives again if it is named
rules <<
#{ rcpt: [ rule "all" || faccept() ] }
.
mailbox alice@home.example
mail alice@home.example v@evil.test w@evil.test <<
Subject: out

text
.
until select attempts, last_reply like '4.4.3 %' from queue where queue = 'deferred' = 1|1
let ID select id from queue
run queue move ${ID} dead
db select queue, rcpt_left from queue = dead|2
run queue retry --all
pause 1m
db select queue from queue = dead
run queue retry ${ID}
until select attempts from queue where queue = 'deferred' = 2
run queue move ${ID} suspicious
until select queue from quarantine = suspicious
db select count(*) from queue = 0
run queue move ${ID} working
until select queue from queue where attempts > 0 = deferred
run queue move ${ID} deferred
exit 65
err *the queues are working, deliver, dead, and the name of any quarantine
run queue move ${ID} delegated
exit 65
run queue move nonsense dead
exit 67
run queue move ${ID}
exit 64
# the original's command, by its name
exec vqueue -c ${DIR}/vsmtp.toml show deferred -e .
out DEFERRED *
out *TOTAL    1    1    .    .    .    .    .    .    .    .    .
exec vqueue -c ${DIR}/vsmtp.toml msg ${ID} show eml
out Subject: out
exec vqueue -c ${DIR}/vsmtp.toml msg ${ID} move dead
db select queue from queue = dead
exec vqueue -c ${DIR}/vsmtp.toml msg ${ID} re-run
until select queue from queue where attempts > 0 = deferred
exec vqueue -c ${DIR}/vsmtp.toml msg nonsense show
exit 67
err No such message 'nonsense' in queues at *
input <<
n
.
exec vqueue -c ${DIR}/vsmtp.toml msg ${ID} remove
out *Canceled*
db select count(*) from queue = 1
exec mailq -c ${DIR}/vsmtp.toml
out deferred
out *${ID}*
exec vqueue -c ${DIR}/vsmtp.toml msg ${ID} remove -y
out *File removed
until select count(*) from queue = 0
exec mailq -c ${DIR}/vsmtp.toml
out the queue is empty
file-count app/mailboxes/home.example/alice/Maildir/new/* = 0
