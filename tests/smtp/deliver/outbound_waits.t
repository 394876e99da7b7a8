# whose mail servers cannot be found now waits in deferred
rules <<
#{ rcpt: [ rule "all" || faccept() ] }
.
mail a@b.example v@evil.test <<
Subject: out

text
.
until select queue, rcpt_left from queue = deferred|1
until select count(*) from recipient where status = 'pending' and last_reply like '4.4.3 %evil.test' = 1
