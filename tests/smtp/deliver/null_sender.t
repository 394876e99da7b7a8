rules <<
#{}
.
mailbox bob@home.example
mail <> bob@home.example <<
Subject: report

text
.
file-has app/mailboxes/home.example/bob/Maildir/new/* "Return-Path: <>\n"
