# who speaks before the greeting does not listen
rules <<
#{ connect: [ rule "slow" || { let n = 0; while n < 300000 { n += 1; } next() } ] }
.
connect
raw "EHLO me\r\nMAIL FROM:<a@b.example>\r\n"
S 554 5.5.0
closed
