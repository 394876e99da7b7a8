config <<
[server]
client_count_max = 2
.
rules <<
#{}
.
connect a
S 220
connect b
S 220
connect c
S 421 4.3.2
closed
use a
C QUIT
S 221
closed
disconnect a
log ~ closed
connect d
S 220
