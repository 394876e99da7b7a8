# what an aliases file may do elsewhere is refused with what to do instead
file aliases <<
clamav: root
vacation: "|/usr/bin/vacation alice"
log: /var/log/mail.txt
list: :include:/etc/list
trash: /dev/null
joe: Joe <joe@home.example>
two: alice bob
open: "alice
nothing:
alone
again: alice
again: bob
.
config <<
[app]
aliases_file = "aliases"
.
rules <<
#{}
.
run check
exit 78
err *aliases:2:11: no alias runs a program*
err *aliases:3:6: no alias writes into a file*
err *aliases:4:7: lists in other files are not read*
err *aliases:5:8: no alias throws mail away*
err *aliases:6:10: write the address alone*
err *aliases:7:12: a comma is missing*
err *aliases:8:7: a quote does not end*
err *aliases:9:1: mail for nothing would go nowhere*
err *aliases:10:1: an alias has the form*
err !~ clamav
