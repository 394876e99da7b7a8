# what waits survives stop and kill
rules <<
#{ rcpt: [ rule "all" || faccept() ] }
.
mail a@b.example v@evil.test <<
Subject: out

text
.
until select count(*) from queue = 1
let ID select id from queue
restart
db select id from queue = ${ID}
kill
start
db select id from queue = ${ID}
