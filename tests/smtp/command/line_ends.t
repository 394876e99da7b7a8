# a bare LF, CR or NUL never ends a command and never hides in one
rules <<
#{}
.
S 220
raw "EHLO me\nMAIL FROM:<a@b.example>\r\n"
S 500 5.5.2
raw "EHLO me\rMAIL FROM:<a@b.example>\r\n"
S 500 5.5.2
raw "EHLO me\0you\r\n"
S 500 5.5.2
C EHLO me
S 250
raw "NOOP\n\r\n"
S 500 5.5.2
raw "NOOP \r\r\n"
S 500 5.5.2
raw "\r\n"
S 500 5.5.2
C NOOP
S 250
C QUIT
S 221
closed
