# check names aliases that lead to nobody, and what cannot come here
config <<
[app.aliases]
good = ["alice"]
gone = ["carl"]
half = ["alice", "carl"]
a = ["b"]
b = ["a"]
"x@elsewhere.example" = ["alice"]
out = ["x@far.example"]
.
rules <<
#{}
.
mailbox alice@home.example
run check
err *warning: mail for x@elsewhere.example does not come here: its domain is none of server.domain*
err *warning: mail for a@home.example does not reach a@home.example: nobody here has that name
err *warning: mail for b@home.example does not reach b@home.example: nobody here has that name
err *warning: mail for gone@home.example does not reach carl@home.example: nobody here has that name
err *warning: mail for half@home.example does not reach carl@home.example*
err !~ good
