# a text line of any length is kept as it is
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox alice@home.example
mail a@b.example alice@home.example <<
Subject: x

${0123456789*20000}
short
.
db select instr(message, cast(char(13,10)||'short'||char(13,10) as blob)) - instr(message, cast(char(13,10)||'0123456789' as blob)) from mail = 200002
