# SPDX-License-Identifier: Apache-2.0
# layers.awk layers.txt FILE...: every include that the table does not allow.
BEGIN {
  split("io.h io data eval api|convert.h api", rules, "|") # public headers that few may see
  for (i in rules) {
    split(rules[i], word, " ")
    for (j = 2; j in word; j++) public[word[1], word[j]] = 1
    narrow[word[1]] = 1
  }
  # Third-party headers, each known to one place.
  third["pthreadpool.h"] = "src/base/threads.c"
  third["jpeglib.h"] = third["png.h"] = third["webp/decode.h"] = third["webp/demux.h"] = "src/io/"
  third["immintrin.h"] = "src/kernels/x86/"
}
NR == FNR {
  if ($1 !~ /:$/) next
  folder = substr($1, 1, length($1) - 1)
  known[folder] = may[folder, folder] = 1
  for (i = 2; i <= NF; i++) may[folder, $i] = 1
  next
}
function refuse(why) { print FILENAME ":" FNR ": " why }
FNR == 1 {
  n = split(FILENAME, path, "/")
  folder = path[1] == "src" ? path[2] : ""
  own = FILENAME
  sub(/\/[^\/]*$/, "/", own)
  if (folder != "" && !(folder in known)) refuse("folder src/" folder " is not in layers.txt")
}
!/^[ \t]*#[ \t]*include/ { next }
match($0, /<[^>]*>/) {
  name = substr($0, RSTART + 1, RLENGTH - 2)
  if (name in third && index(FILENAME, third[name]) != 1)
    refuse("<" name "> belongs in " third[name])
  if (name ~ /^mobilenet\// && folder != "") refuse("our own headers are included with quotes")
  next
}
match($0, /"[^"]*"/) {
  name = substr($0, RSTART + 1, RLENGTH - 2)
  if (name ~ /\.\./) { refuse("no way up: include from src/"); next }
  slash = index(name, "/")
  target = slash ? substr(name, 1, slash - 1) : ""
  if (target == "mobilenet") {
    header = substr(name, slash + 1)
    if (folder != "" && header in narrow && !((header, folder) in public))
      refuse("src/" folder " may not include mobilenet/" header)
  } else if (folder == "") {
    if (target != "") refuse("only mobilenet/ headers and its own may be included here")
  } else if (target == "") {
    if ((getline line < (own name)) < 0) refuse("\"" name "\" is not beside it")
    close(own name)
  } else if (!((folder, target) in may)) {
    refuse("src/" folder " may not include src/" target)
  }
}
