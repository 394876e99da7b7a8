# the views allow what schema.sql law 8 says and abort everything else with a sentence
rules <<
#{ preq: [ rule "hold" || quarantine("demo") ] }
.
mailbox bob@home.example
mail a@b.example bob@home.example <<
Subject: x

text
.
sql-fails update quarantine set mail_from = 'x' ~ *
sql-fails update quarantine set queue = '' ~ *
sql-fails update quarantine set queue = 'working' ~ *
sql-fails insert into quarantine(id, queue) values('x', 'y') ~ *
sql-fails insert into queue(id, queue) values('x', 'deliver') ~ *
sql-fails insert into mail(id, message) values('x', 'y') ~ *
sql-fails update mail set message = x'00' ~ *
sql-fails delete from mail ~ *
db select count(*) from quarantine = 1
