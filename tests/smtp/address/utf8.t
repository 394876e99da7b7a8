# SMTPUTF8 (RFC 6531): asked for, else refused; ill-formed never
rules <<
#{ rcpt: [ rule "all" || faccept() ] }
.
S 220
C EHLO me
S 250
C MAIL FROM:<élan@b.example>
S 553 5.6.7
C MAIL FROM:<élan@b.example> SMTPUTF8
S 250
C RCPT TO:<用户@例子.example>
S 250
C RSET
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<用户@例子.example>
S 553 5.6.7
C RSET
S 250
raw "MAIL FROM:<\xff\xfe@b.example> SMTPUTF8\r\n"
S 501
raw "MAIL FROM:<\xed\xa0\x80@b.example> SMTPUTF8\r\n"
S 501
# what does more to a terminal than to show itself: a control of C1, a turn of the writing's direction
raw "MAIL FROM:<\xc2\x9b31m@b.example> SMTPUTF8\r\n"
S 501
raw "MAIL FROM:<\"\xc2\x9b31m\"@b.example> SMTPUTF8\r\n"
S 501
raw "MAIL FROM:<a@\xe2\x80\xae.example> SMTPUTF8\r\n"
S 501
raw "EHLO \xe2\x80\xae.example\r\n"
S 501
