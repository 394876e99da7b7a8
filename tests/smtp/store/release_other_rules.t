# rules were reloaded meanwhile: a directive is found by its name; if it is gone its stage begins anew
rules <<
#{ preq: [
    action "one" || append_header("X-Ran", "one"),
    rule "aside" || quarantine("held"),
    action "two" || append_header("X-Ran", "two"),
] }
.
mailbox bob@home.example
mail a@b.example bob@home.example <<
Subject: x

text
.
mail c@b.example bob@home.example <<
Subject: x

text
.
rules <<
#{ preq: [
    action "zero" || append_header("X-Ran", "zero"),
    action "one" || append_header("X-Ran", "one"),
    action "two" || append_header("X-Ran", "two"),
    rule "aside" || quarantine("held"),
    action "three" || append_header("X-Ran", "three"),
] }
.
signal HUP
log ~ reload
sql update quarantine set queue = 'deliver' where mail_from = 'a@b.example'
file-count app/mailboxes/home.example/bob/Maildir/new/* = 1
file-has app/mailboxes/home.example/bob/Maildir/new/* "X-Ran: one\nX-Ran: three\n\ntext"
rules <<
#{ preq: [
    action "zero" || append_header("X-Ran", "zero"),
    action "one" || append_header("X-Ran", "one"),
] }
.
restart
sql update quarantine set queue = 'deliver'
file-count app/mailboxes/home.example/bob/Maildir/new/* = 2
file-has app/mailboxes/home.example/bob/Maildir/new/* "X-Ran: one\nX-Ran: zero\nX-Ran: one\n\ntext"
