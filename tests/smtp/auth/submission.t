# a submission listener demands AUTH, and an account sends as itself
rules <<
#{
  mail: [
    rule "newsletter" || if mail_from() == "news@home.example" && is_authenticated() { accept() } else { next() },
  ],
}
.
config <<
[server.interfaces]
addr_submission = ["127.0.0.1:0"]
[server.smtp.auth]
enable_dangerous_mechanism_in_clair = true
[app.aliases]
sales = ["bob"]
info = ["anna@home.example"]
.
mailbox anna@home.example
start
input <<
correct horse
.
run user add bob@home.example
listener 2
S 220
C EHLO me
S 250
C MAIL FROM:<bob@home.example>
S 530 5.7.0
C AUTH PLAIN AGJvYkBob21lLmV4YW1wbGUAY29ycmVjdCBob3JzZQ==
S 235
C MAIL FROM:<anna@home.example>
S 553 5.7.1
C MAIL FROM:<bob@else.example>
S 553 5.7.1
C MAIL FROM:<info@home.example>
S 553 5.7.1
C MAIL FROM:<sales@home.example>
S 250
C RSET
S 250
C MAIL FROM:<Bob@Home.example>
S 250
C RSET
S 250
C MAIL FROM:<bob+shop@home.example>
S 250
C RSET
S 250
C MAIL FROM:<>
S 250
C RSET
S 250
C MAIL FROM:<news@home.example>
S 250
C RCPT TO:<v@evil.test>
S 250
