# our own header in a stranger's mail proves nothing and is taken out
rules <<
#{ preq: [ rule "hold" || quarantine("held") ] }
.
mailbox bob@home.example
mail a@b.example bob@home.example <<
X-VSMTP-DELEGATION: sent; stage=postq; directive="x"; id=0123456789abcdef0123456789abcdef
Subject: forged

text
.
db select instr(message, cast('DELEGATION' as blob)) from mail = 0
