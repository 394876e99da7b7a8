# Return-Path, Delivered-To, LF line ends, the name tells message and recipient
rules <<
#{}
.
mailbox bob@home.example
mailbox alice@home.example
mail a@b.example bob@home.example alice@home.example <<
From: a@b.example
Subject: x

.dot
text
.
file-count app/mailboxes/home.example/bob/Maildir/new/* = 1
file-count app/mailboxes/home.example/alice/Maildir/new/* = 1
file-count app/mailboxes/home.example/bob/Maildir/tmp/* = 0
file-has app/mailboxes/home.example/bob/Maildir/new/* "Return-Path: <a@b.example>\n"
file-has app/mailboxes/home.example/bob/Maildir/new/* "Delivered-To: bob@home.example\n"
file-has app/mailboxes/home.example/alice/Maildir/new/* "Delivered-To: alice@home.example\n"
file-has app/mailboxes/home.example/bob/Maildir/new/* "\n\n.dot\ntext\n"
file-lacks app/mailboxes/home.example/bob/Maildir/new/* "\r"
until select count(*) from queue = 0
until select count(*) from recipient = 0
