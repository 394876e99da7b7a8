# octet for octet: dots, empty lines, no final text, 8 bit
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox bob@home.example
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example> BODY=8BITMIME
S 250
C RCPT TO:<bob@home.example>
S 250
C DATA
S 354
raw "Subject: dots\r\n\r\n..\r\n...\r\n.x\r\n\r\n\xe9\xff\x80 \t\r\n..end\r\n.\r\n"
S 250
db select hex(substr(message, instr(message, cast(char(13,10,13,10) as blob)))) from mail = 0D0A0D0A2E0D0A2E2E0D0A780D0A0D0AE9FF8020090D0A2E656E640D0A
