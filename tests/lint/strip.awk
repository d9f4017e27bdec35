# SPDX-License-Identifier: Apache-2.0
# C source with the insides of comments and literals removed, line for line, so that a rule sees
# code only.
function strip(line,   out, c, two) {
  out = ""
  while (line != "") {
    if (in_comment) {
      end = index(line, "*/")
      if (!end) return out
      line = substr(line, end + 2)
      in_comment = 0
      continue
    }
    if (!match(line, /\/\*|\/\/|["']/)) return out line
    out = out substr(line, 1, RSTART - 1)
    c = substr(line, RSTART, 1)
    two = substr(line, RSTART, 2)
    line = substr(line, RSTART + RLENGTH)
    if (two == "//") return out
    if (two == "/*") {
      out = out " "
      in_comment = 1
      continue
    }
    out = out c c
    while (line != "" && (d = substr(line, 1, 1)) != c) line = substr(line, d == "\\" ? 3 : 2)
    line = substr(line, 2)
  }
  return out
}
FNR == 1 { in_comment = 0 }
