rules <<
#{
  preq: [
    rule "inject" || {
      append_header("X-A", "x\r\nBcc: victim@evil.test");
      quarantine("held")
    },
  ],
}
.
mailbox bob@home.example
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 250
C RCPT TO:<bob@home.example>
S 250
C DATA
S 354
data <<
Subject: x

text
.
S *
reply !~ 554
db select count(*) from mail where instr(message, cast(char(10)||'Bcc:' as blob)) > 0 = 0
