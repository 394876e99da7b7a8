# rules read and edit the header; line ends in values never make new fields
rules <<
#{
  preq: [
    action "edit" || {
      prepend_header("X-First", "1");
      append_header("X-Last", "2");
      set_header("Subject", "new: " + get_header("Subject"));
    },
    rule "hold" || quarantine("held"),
  ],
}
.
mailbox bob@home.example
mail a@b.example bob@home.example <<
From: a@b.example
Subject: old

text
.
db select subject from quarantine = new: old
db select instr(message, cast('Subject: old' as blob)), instr(message, cast(char(10)||'X-Last: 2'||char(13) as blob)) > 0, instr(message, cast('X-First: 1'||char(13) as blob)) > 0 from mail = 0|1|1
