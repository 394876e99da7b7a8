# LOGIN: two questions, or the name at once; SCRAM is tried by tests/clients
rules <<
#{}
.
include _bob.t

S 220
C EHLO me
S 250
C AUTH LOGIN
S 334 VXNlcm5hbWU6
C Ym9i
S 334 UGFzc3dvcmQ6
C *
S 501
C AUTH LOGIN Qm9iQEhvbWUuRXhhbXBsZQ==
S 334 UGFzc3dvcmQ6
C Y29ycmVjdCBob3JzZQ==
S 235
connect two
S 220
C EHLO me
S 250
C AUTH LOGIN
S 334
C =
S 535
