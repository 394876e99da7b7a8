# what is no file of ours goes, and hurts nobody
rules rules.vsl
mailbox bob@home.example
start
file queues/drop/notanid <<
x
.
file queues/drop/0000000000000000000000half <<
vsmtp drop 1
to bob

half a message
.
file queues/drop/00000000000000000000000bad <<
vsmtp drop 1
to bob> SIZE=1

x
vsmtp drop end 00000000000000000001
.
folder queues/drop/0000000000000000000folder0
log ~ *notanid*no name of ours*
log ~ *0000000000000000000folder0*no file*
log ~ *00000000000000000000000bad*a line that cannot*
# what is not whole may still become so, but not for ever
file-count queues/drop/* = 1
input <<
Subject: fine

text
.
exec sendmail -C ${DIR}/vsmtp.toml bob
file-has app/mailboxes/home.example/bob/Maildir/new/* "Subject: fine"
pause 2h
file-count queues/drop/* = 0
log ~ *0000000000000000000000half*never finished*
# a message that is not one: refused like everybody's, and its owner is told
file queues/drop/00000000000000000000barelf <<
vsmtp drop 1
to bob

bare

vsmtp drop end 00000000000000000005
.
log ~ *00000000000000000000barelf*refused*5.5.2 bare*
file-count queues/drop/* = 0
