# rules/examples/blacklist: host names and senders on a list, friends before them
rules ../../../rules/examples/blacklist/main.vsl
file lists.vsl ../../../rules/examples/blacklist/lists.vsl
mailbox bob@home.example
S 220
C EHLO dyn-1-2-3.provider.example
S 550 5.7.1
closed
connect
S 220
C EHLO mail.far.example
S 250
C MAIL FROM:<offers@shop.example>
S 550 5.7.1 you are on a list of this server
C MAIL FROM:<bob@home.example>
S 554 5.7.1
C MAIL FROM:<anyone@CASINO.example>
S 550 5.7.1
C MAIL FROM:<win-lottery@far.example>
S 550 5.7.1
C MAIL FROM:<aunt@casino.example>
S 250
C RCPT TO:<bob@home.example>
S 250
C RCPT TO:<v@evil.test>
S 554 5.7.1
