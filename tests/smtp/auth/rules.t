# stage authenticate: what each answer means where a password was shown
rules <<
#{
  authenticate: [
    rule "judge" || {
      if auth().type != "Verify" { return next(); }
      switch auth().authid {
        "yes" => if auth().authpass == "open" { accept() } else { deny() },
        "code" => accept("235 2.7.0 welcome"),
        "no" => deny(),
        "later" => deny("454 4.7.0 later"),
        "told" => info("432 4.7.12 change it first"),
        "hold" => quarantine("q"),
        "packet" => packet("open"),
        "broken" => throw "no",
        "all" => faccept(),
        _ => next(),
      }
    },
  ],
  mail: [ rule "who" || {
    if is_authenticated() { log("info", `it is ${auth().authid}`); }
    next()
  } ],
}
.
config <<
[server.smtp.auth]
enable_dangerous_mechanism_in_clair = true
mechanisms = ["PLAIN", "LOGIN", "SCRAM-SHA-256", "CRAM-MD5", "ANONYMOUS"]
[server.smtp.error]
soft_count = -1
hard_count = -1
[app.logs]
level = "info"
.
start
input <<
correct horse
.
run user add bob@home.example

S 220
C EHLO me
S 250
reply ~ 250-AUTH PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256 ANONYMOUS
C AUTH PLAIN AG5vAHg=
S 535 5.7.8
C AUTH PLAIN AHRvbGQAeA==
S 432 4.7.12
from 127.0.0.2
connect two
S 220
C EHLO me
S 250
C AUTH PLAIN AGxhdGVyAHg=
S 454 4.7.0
C AUTH PLAIN AGJyb2tlbgB4
S 451 4.3.5
C AUTH PLAIN AGhvbGQAeA==
S 535
from 127.0.0.3
connect three
S 220
C EHLO me
S 250
C AUTH PLAIN AHBhY2tldABvcGVu
S 535
C AUTH PLAIN AHllcwBzaHV0
S 535
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<v@evil.test>
S 554 5.7.1
C RSET
S 250
C AUTH LOGIN
S 334
C eWVz
S 334
C b3Blbg==
S 235 2.7.0 Authentication succeeded
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<v@evil.test>
S 250
from 127.0.0.4
connect four
S 220
C EHLO me
S 250
C AUTH PLAIN AGJvYkBob21lLmV4YW1wbGUAY29ycmVjdCBob3JzZQ==
S 235
connect five
S 220
C EHLO me
S 250
C AUTH PLAIN AGNvZGUAeA==
S 235 2.7.0 welcome
log !~ open
