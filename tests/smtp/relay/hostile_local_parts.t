# shell, path and option tricks: refused or taken as mere letters
rules <<
#{}
.
config <<
[server.smtp.error]
soft_count = -1
hard_count = -1
.
mailbox bob@home.example
mailbox alice@home.example
S 220
C EHLO me
S 250
C MAIL FROM:<a'||(select 1)--@evil.test>
S 501
C MAIL FROM:<"a'||(select 1)--"@evil.test>
S 250
C RCPT TO:<"|id"@home.example>
S 550
C RCPT TO:<${run{/bin/id}}@home.example>
S 550
C RCPT TO:<`id`@home.example>
S 550
C RCPT TO:<"../../etc/cron.d/x"@home.example>
S 550
C RCPT TO:<bob/../alice@home.example>
S 501
C RCPT TO:<bob/./alice@home.example>
S 550
C RCPT TO:<-oQ/tmp@home.example>
S 550
C RCPT TO:<"';DROP TABLE queue;--"@home.example>
S 550
C RCPT TO:<root>
S 553
C RCPT TO:<root@home.example>
S 550
C RCPT TO:<.@home.example>
S 501
C RCPT TO:<"."@home.example>
S 550
C RCPT TO:<".."@home.example>
S 550
C RCPT TO:<""@home.example>
S 5*
C RCPT TO:<bob@home.example>
S 250
C DATA
S 354
data <<
Subject: '; DROP TABLE message; --

text
.
S 250
file-count app/mailboxes/home.example/bob/Maildir/new/* = 1
file-count app/mailboxes/home.example/alice/Maildir/new/* = 0
