# who is not here waits in deferred until outbound delivery is built in
rules <<
#{ rcpt: [ rule "all" || faccept() ] }
.
mail a@b.example v@evil.test <<
Subject: out

text
.
until select queue, rcpt_left from queue = deferred|1
until select count(*) from recipient where status = 'pending' and last_reply like '%not built in%' = 1
