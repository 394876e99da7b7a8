# no client sent it: SPF has nothing to say, neither before the queue nor after
rules <<
#{
  connect: [ rule "all" || accept() ],
  mail: [ rule "spf" || check_spf("mail_from", "spf") ],
  postq: [ rule "again" || check_spf("mail_from", "none") ],
}
.
config <<
[server.dns]
type = "custom"
config = { name_servers = ["127.0.0.1:1"] }
.
mailbox bob@home.example
start
input <<
Subject: inside

text
.
exec sendmail -C ${DIR}/vsmtp.toml -f alice@far.example bob
file-has app/mailboxes/home.example/bob/Maildir/new/* "Received-SPF: none"
until select count(*) from queue = 0
