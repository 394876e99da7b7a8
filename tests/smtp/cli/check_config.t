config <<
[server.nonsense]
x = 1
[server.smtp]
rcpt_count_max = "many"
.
run check
exit 78
err *nonsense*
err *rcpt_count_max*
fails 78
