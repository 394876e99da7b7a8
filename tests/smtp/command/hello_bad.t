# what is no name is refused and leaves the session as it was
rules <<
#{}
.
S 220
C EHLO
S 501 5.5.4
C HELO
S 501 5.5.4
C EHLO ${a*256}
S 501 5.5.4
C EHLO <me>
S 501 5.5.4
raw "EHLO \xff\xfe\r\n"
S 501 5.5.4
C MAIL FROM:<a@b.example>
S 503 5.5.1
C EHLO ${a*255}
S 250
C MAIL FROM:<a@b.example>
S 250 2.1.0
