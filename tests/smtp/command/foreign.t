# a browser sent here must not go on (ALPACA)
rules <<
#{}
.
S 220
raw "GET / HTTP/1.1\r\nHost: home.example\r\n\r\nMAIL FROM:<a@b.example>\r\n"
S 421 4.7.0
closed
connect
S 220
raw "POST /mail HTTP/1.1\r\n"
S 421
closed
log ~ another protocol
