# bob may log in, on a connection without encryption too
config <<
[server.smtp.auth]
enable_dangerous_mechanism_in_clair = true
.
start
input <<
correct horse
.
run user add bob@home.example
