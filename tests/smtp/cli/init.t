# a configuration to start from: complete, checked green, and never written over another
exec vsmtp init home.example --dir ${DIR}/conf
out *home.example. TXT "v=spf1 +mx -all"
exec vsmtp check -c ${DIR}/conf/vsmtp.toml
file-has conf/vsmtp.toml domain = "home.example"
file-has conf/main.vsl rule "check spf" || if is_authenticated() || client_ip() in obj::internal_net {
file-has conf/main.vsl check_spf("mail_from", "spf")
file-has conf/objects.vsl object here rg4 = "127.0.0.0/8"
file-lacks conf/objects.vsl object house
file-has conf/vsmtp.toml level = ["info"]
file-has conf/vsmtp.toml keep.quarantine = "30d"
file-has conf/vsmtp.toml postmaster = ["first account"]
file-has conf/vsmtp.toml root = ["postmaster"]
file-has conf/vsmtp.toml abuse = ["postmaster"]
# the same once more changes nothing, and says so
exec vsmtp init home.example --dir ${DIR}/conf
err *nothing changed*
out *home.example. TXT "v=spf1 +mx -all"
exec vsmtp init other.example --dir ${DIR}/conf
exit 73
err *nothing changed: *File exists; there is a configuration already*
file-lacks conf/vsmtp.toml other.example
exec vsmtp init home.example --dir ${DIR}/no/such
exit 73
exec vsmtp init home.example --dir ${DIR}/wide --inside 192.168.1.0/24
exec vsmtp check -c ${DIR}/wide/vsmtp.toml
file-has wide/objects.vsl object house rg4 = "192.168.1.0/24"
exec vsmtp init home.example --dir ${DIR}/six --inside fd00::/8
exec vsmtp check -c ${DIR}/six/vsmtp.toml
file-has six/objects.vsl object house rg6 = "fd00::/8"
each RANGE 192.168.1.1 10.0.0.0/7 10.0.0.0/33 fd00::/129 x/24 10.0.0.0/ <<END
exec vsmtp init home.example --dir ${DIR}/never --inside ${RANGE}
exit 64
err *--inside wants a range*
END
exec vsmtp init
exit 64
exec vsmtp init nodots
exit 64
exec vsmtp init "bad domain.example"
exit 64
