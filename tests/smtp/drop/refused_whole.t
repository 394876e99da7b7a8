# refused at mail or preq: the report goes to the owner of the file, or to postmaster, never to a
# sender that was only claimed
rules rules.vsl
mailbox bob@home.example
mailbox villain@home.example
start
stop
each WHO villain@home.example alice@far.example <<END
input <<
Subject: refuse

text
.
exec sendmail -C ${DIR}/vsmtp.toml -f ${WHO} bob
END
start
file-count queues/drop/* = 0
until select count(*) from queue where queue <> 'dead' = 0
db select count(*) from queue where mail_from like '%far.example' or mail_from like 'villain%' = 0
file-count app/mailboxes/home.example/bob/Maildir/new/* = 0
file-count app/mailboxes/home.example/villain/Maildir/new/* = 0
