rules <<
#{ mail: [ rule "x" || next() ] }
.
run check
rules <<
#{
  mail: [
    rule "x" || nxt(,
  ],
}
.
run check
exit 78
err *main.vsl:3:*
fails 78
