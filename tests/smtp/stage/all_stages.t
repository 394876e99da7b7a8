# every stage, in order, as the trace tells it
rules <<
#{
  connect: [ rule "c" || next() ],
  helo: [ rule "h" || next() ],
  mail: [ rule "m" || next() ],
  rcpt: [ rule "r" || next() ],
  preq: [ rule "p" || next() ],
  postq: [ rule "q" || next() ],
  delivery: [ rule "d" || next() ],
}
.
mailbox bob@home.example
mail a@b.example bob@home.example <<
Subject: x

text
.
file-count app/mailboxes/home.example/bob/Maildir/new/* = 1
until select group_concat(stage || ':' || directive) from (select * from trace where kind = 'rule') = connect:c,helo:h,mail:m,rcpt:r,preq:p,postq:q,delivery:d
