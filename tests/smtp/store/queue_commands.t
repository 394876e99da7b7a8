rules <<
#{ rcpt: [ rule "all" || faccept() ] }
.
mail a@b.example v@evil.test <<
Subject: out

text
.
until select queue from queue = deferred
let ID select id from queue
run queue
out *${ID}*
run queue list deferred
out *${ID}*
run queue show ${ID}
out *v@evil.test*
run queue show ${ID} eml
out Subject: out
run queue hold ${ID}
until select queue from quarantine = hold
run quarantine release ${ID}
until select count(*) from queue where id = '${ID}' = 1
run queue retry ${ID}
run queue remove ${ID}
until select count(*) from queue = 0
run queue show nonsense
exit 67
