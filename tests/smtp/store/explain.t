rules <<
#{
  mail: [ rule "greet" || next() ],
  preq: [ rule "hold" || quarantine("demo") ],
}
.
mailbox bob@home.example
mail a@b.example bob@home.example <<
Subject: x

text
.
let ID select id from quarantine
run explain ${ID}
out *greet*
out *hold*
run explain 00000000000000000000000000
exit 67
