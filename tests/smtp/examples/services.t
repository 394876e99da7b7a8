# rules/examples/services: a table is asked for each mail, a command is run
rules ../../../rules/examples/services/main.vsl
file guests.csv <<
bob@far.example,hold
spam.example,refuse
.
mailbox alice@home.example
mailbox lamp@home.example
mail eve@far.example alice@home.example <<
Subject: as ever

text
.
until select count(*) from mail = 0
mail bob@far.example alice@home.example <<
Subject: for a look

text
.
db select queue from quarantine = guests
S 220
C EHLO me.example
S 250
C MAIL FROM:<x@spam.example>
S 250
C RCPT TO:<alice@home.example>
S 550 5.7.1 not today
C QUIT
S 221
file guests.csv <<
eve@far.example,hold
.
mail eve@far.example lamp@home.example <<
Subject: on

text
.
db select count(*) from quarantine = 2
