# what cron sends to root reaches whom the alias names
config <<
[app.aliases]
root = ["alice"]
.
rules <<
#{}
.
mailbox alice@home.example
start
input <<END
Subject: cron

text
END
exec sendmail -C ${DIR}/vsmtp.toml -i root
file-has app/mailboxes/home.example/alice/Maildir/new/* "Subject: cron"
