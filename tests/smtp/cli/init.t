# a configuration to start from: complete, checked green, and never written over another
exec vsmtp init home.example --dir ${DIR}/conf
out *home.example. TXT "v=spf1 +mx -all"
exec vsmtp check -c ${DIR}/conf/vsmtp.toml
file-has conf/vsmtp.toml domain = "home.example"
file-has conf/main.vsl rule "check spf" || if is_authenticated() || client_ip() in obj::internal_net {
file-has conf/main.vsl check_spf("mail_from", "spf")
file-has conf/objects.vsl object internal_net rg4
file-has conf/vsmtp.toml level = ["info"]
file-has conf/vsmtp.toml postmaster = ["first account"]
file-has conf/vsmtp.toml root = ["postmaster"]
file-has conf/vsmtp.toml abuse = ["postmaster"]
# the same once more changes nothing, and says so
exec vsmtp init home.example --dir ${DIR}/conf
err *nothing changed*
out *home.example. TXT "v=spf1 +mx -all"
exec vsmtp init other.example --dir ${DIR}/conf
exit 73
err *nothing changed: *File exists*
file-lacks conf/vsmtp.toml other.example
exec vsmtp init home.example --dir ${DIR}/no/such
exit 73
exec vsmtp init
exit 64
exec vsmtp init nodots
exit 64
exec vsmtp init "bad domain.example"
exit 64
