# rules/examples/hold: what somebody should look at first waits in a quarantine
rules ../../../rules/examples/hold/main.vsl
mailbox bob@home.example
mailbox tim@home.example
mail stranger@far.example tim@home.example <<
Subject: for the child

text
.
db select queue, mail_from from quarantine = children|stranger@far.example
mail grandma@far.example tim@home.example <<
Subject: cake

text
.
file-has app/mailboxes/home.example/tim/Maildir/new/* cake
mail a@far.example bob@home.example <<
Subject: see attached
Content-Type: multipart/mixed; boundary=x

--x
Content-Disposition: attachment; filename="Invoice.EXE"

MZ
--x--
.
db select count(*) from quarantine where queue = 'programs' = 1
mail a@far.example bob@home.example <<
Subject: [hold] please

text
.
db select count(*) from quarantine where queue = 'demo' = 1
db select count(*) from quarantine = 3
