# the state stays as it was, the connection too
rules <<
#{ helo: [ rule "hm" || if ctx().helo == "bad.example" { info("450 4.7.1 another name please") } else { next() } ] }
.
S 220
C EHLO bad.example
S 450 4.7.1 another name please
C MAIL FROM:<a@b.example>
S 503
C EHLO good.example
S 250
C MAIL FROM:<a@b.example>
S 250
