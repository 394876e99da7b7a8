# SIGHUP takes new rules, but never broken ones
rules <<
#{ mail: [ rule "a" || deny("550 5.7.1 first") ] }
.
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 550 5.7.1 first
rules <<
#{ mail: [ rule "a" || deny("550 5.7.1 second") ] }
.
signal HUP
log ~ reload
connect new
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 550 5.7.1 second
use client
C MAIL FROM:<a@b.example>
S 550 5.7.1 first
rules <<
#{ mail: [ rule "a" || deny(
.
signal HUP
log ~ main.vsl:
connect newer
S 220
C EHLO me
S 250
C MAIL FROM:<a@b.example>
S 550 5.7.1 second
