# a TLS client on a plain port
rules <<
#{}
.
S 220
raw "\x16\x03\x01\r\n"
S 421
closed
