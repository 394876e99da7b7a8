# rules/examples/relay: who goes where; no password is shown
rules ../../../rules/examples/relay/main.vsl
mailbox bob@home.example
mail ann@home.example friend@far.example boss@club.example bob@home.example <<
Subject: hello

text
.
until select count(*) from recipient where target = 'smtps://ann%40provider.example:***@smtp.provider.example' = 1
until select count(*) from recipient where target = 'mail.club.example:2525' = 1
until select count(*) from recipient where target = 'lmtp:unix:/run/dovecot/lmtp' = 1
until select count(*) from recipient where status = 'pending' and attempts = 1 = 3
let ID select id from queue
run queue show ${ID}
out *smtps://ann%40provider.example:***@smtp.provider.example*
