# an alias may lead elsewhere: the operator said so, no relay check is asked; and the mail is marked,
# so that it is known when it comes back
config <<
[app.aliases]
away = ["me@far.example"]
both = ["me@far.example", "alice"]
.
rules <<
object net ip4 = "192.0.2.1";
object nets group = [net];
#{
  rcpt: [ rule "relay" || check_rcpt_relay(nets) ],
  preq: [ rule "relay again" || check_relay(nets),
          rule "keep" || quarantine("kept") ],
}
.
mailbox alice@home.example
mail x@y.example away@home.example <<
Subject: one

text
.
let ID select id from quarantine where subject = 'one'
db select rcpt_to from quarantine where id = '${ID}' = me@far.example
db select cast(message as text) like '%Delivered-To: away@home.example%' from mail where id = '${ID}' = 1
try x@y.example away@home.example <<
Delivered-To: Away@home.example
Subject: it came back

text
.
db select ${HEARD} = 0
mailbox bob@home.example
mail x@y.example both@home.example bob@home.example <<
Subject: two

text
.
db select count(*) from mail where cast(message as text) like '%Subject: two%' and cast(message as text) like '%Delivered-To%' = 0
S 220
C EHLO me
S 250
C MAIL FROM:<x@y.example>
S 250
C RCPT TO:<other@far.example>
S 554 5.7.1
