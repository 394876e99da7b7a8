# a runaway rule ends, others are served meanwhile
config <<
[app.vsl]
max_operations = 3000000
.
rules <<
#{ mail: [ rule "runaway" || { if ctx().mail_from.local_part == "slow" { loop { } } next() } ] }
.
connect slow
S 220
C EHLO me
S 250
C MAIL FROM:<slow@b.example>
connect fast
S 220
C EHLO me
S 250
C MAIL FROM:<fast@b.example>
S 250
use slow
S 451 4.3.5
log ~ ErrorTooManyOperations
