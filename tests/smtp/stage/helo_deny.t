rules <<
#{ helo: [ rule "no" || if ctx().helo == "bad.example" { deny("550 5.7.1 bad name") } else { next() } ] }
.
S 220
C EHLO good.example
S 250
C EHLO bad.example
S 550 5.7.1 bad name
closed
