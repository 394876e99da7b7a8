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
include ../_data.t FROM=a@b.example TO=bob@home.example
data <<
Subject: x

text
.
S *
reply !~ 554
db select count(*) from mail where instr(message, cast(char(10)||'Bcc:' as blob)) > 0 = 0
