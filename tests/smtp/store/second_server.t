# one lock file: a second server on the same database does not start
rules <<
#{}
.
start
run run -t 1s
exit 75
