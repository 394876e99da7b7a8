exec vsmtp frobnicate
exit 64
exec vsmtp run --frobnicate
exit 64
exec vsmtp --help
out *usage*
exec vsmtp eval nowhere.vsl
exit 66
exec vsmtp check -c nowhere.toml
exit 78
