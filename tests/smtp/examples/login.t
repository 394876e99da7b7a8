# rules/examples/login: machines log in by a table, people by their accounts
rules ../../../rules/examples/login/main.vsl
file machines.csv <<
printer,aardvark
doorbell,zebra
.
config <<
[server.interfaces]
addr_submission = ["127.0.0.1:0"]
[server.smtp.auth]
enable_dangerous_mechanism_in_clair = true
.
start
input <<
correct horse
.
run user add alice
listener 2
connect printer
S 220
C EHLO me
S 250
C AUTH PLAIN AHByaW50ZXIAemVicmE=
S 535
C AUTH PLAIN AHByaW50ZXIAYWFyZHZhcms=
S 235
C MAIL FROM:<scans@home.example>
S 250
C RCPT TO:<v@far.example>
S 554
C RCPT TO:<alice@home.example>
S 250
C DATA
S 354
data <<
Subject: a scan

page one
.
S 250
file-has app/mailboxes/home.example/alice/Maildir/new/* "Subject: a scan"
from 127.0.0.3
connect alice
S 220
C EHLO me
S 250
C AUTH PLAIN AGFsaWNlAGNvcnJlY3QgaG9yc2U=
S 235
C MAIL FROM:<info@club.example>
S 250
C RSET
S 250
C MAIL FROM:<info@other.example>
S 553 5.7.1
C MAIL FROM:<alice@home.example>
S 250
C RCPT TO:<v@far.example>
S 250
