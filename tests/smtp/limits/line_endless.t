# a megabyte without a line end
rules <<
#{}
.
S 220
raw "EHLO ${x*1000000}"
raw "\r\n"
S 500 5.5.2
C EHLO me
S 250
