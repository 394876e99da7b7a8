# the configuration of the chapter loads as it is printed
file chapter.toml <<
version_requirement = ">=1.0.0"
[server.interfaces]
addr = ["127.0.0.1:10025", "127.0.0.1:10024"]
.
exec vsmtp config-show -c chapter.toml
