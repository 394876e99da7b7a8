# VSMTP_LOG wins over the configuration, which says info
rules <<
#{}
.
env VSMTP_LOG=error, receiver=info
S 220
log ~ INFO receiver:
log !~ INFO server:
