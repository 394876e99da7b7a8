# refused for now for five days: that is for ever
rules rules.vsl
mailbox bob@home.example
mailbox alice@home.example
mailbox postmaster@home.example
start
input <<
Subject: wait

text
.
exec sendmail -C ${DIR}/vsmtp.toml -f alice@home.example later
log ~ *put off*
pause 6d
file-count queues/drop/* = 0
until select count(*) from queue where queue = 'dead' and last_reply like '%450 4.7.1 not now%' = 1
