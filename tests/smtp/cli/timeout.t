# -t ends the server by itself
rules <<
#{}
.
run run -t 100ms
