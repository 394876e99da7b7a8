# every one is refused, none begins a transaction
rules <<
#{}
.
config <<
[server.smtp.error]
soft_count = -1
hard_count = -1
.
S 220
C EHLO me
S 250
C MAIL
S 501
C MAIL FROM
S 501
C MAIL FROM:
S 501 5.1.7
C MAIL FROM:a@b.example
S 501 5.1.7
C MAIL FROM:<a@b.example
S 501 5.1.7
C MAIL FROM:a@b.example>
S 501 5.1.7
C MAIL FROM:<a@b.example>x
S 501
C MAIL FROM:<a@>
S 501 5.1.7
C MAIL FROM:<@b.example>
S 501 5.1.7
C MAIL FROM:<a b@b.example>
S 501 5.1.7
C MAIL FROM:<a..b@b.example>
S 501 5.1.7
C MAIL FROM:<.a@b.example>
S 501 5.1.7
C MAIL FROM:<a.@b.example>
S 501 5.1.7
C MAIL FROM:<a@b..example>
S 501 5.1.7
C MAIL FROM:<a@-b.example>
S 501 5.1.7
C MAIL FROM:<a@b.example->
S 501 5.1.7
C MAIL FROM:<a@[300.0.2.1]>
S 501 5.1.7
C MAIL FROM:<a@[IPv6:::g]>
S 501 5.1.7
C MAIL FROM:<a@[192.0.2.1>
S 501 5.1.7
C MAIL FROM:<"a@b.example>
S 501 5.1.7
C MAIL FROM:<"a"b@b.example>
S 501 5.1.7
C MAIL FROM:<<a@b.example>>
S 501
C MAIL FROM:<a@b@c.example>
S 501 5.1.7
C MAIL TO:<a@b.example>
S 501
C MAIL FROM:<;for i in 0 1 2 3 4 5;do read r;done;sh;exit 0;>
S 501 5.1.7
C MAIL FROM:<a>
S 501 5.1.7
C RCPT TO:<v@evil.test>
S 503
