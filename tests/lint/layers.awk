# SPDX-License-Identifier: Apache-2.0
# layers.awk layers.txt FILE...: every include that the table does not allow.
BEGIN {
  split("io.h io data eval train api|eval.h eval api|convert.h api", rules, "|") # public headers that few may see
  for (i in rules) {
    split(rules[i], word, " ")
    for (j = 2; j in word; j++) public[word[1], word[j]] = 1
    narrow[word[1]] = 1
  }
  # Third-party headers, each known to one place.
  third["pthread.h"] = "^(src/base/(pool|crew)\\.c$|tools/mobilenet/eval_|bench/gate\\.c$)"
  third["jpeglib.h"] = third["webp/decode.h"] = third["webp/demux.h"] = "^src/io/"
  third["png.h"] = "^(src/io/|tools/mobilenet/png_file)"
  third["expat.h"] = "^src/data/voc\\.c$"
  third["immintrin.h"] = "^(src/kernels/x86/|src/kernels/grad/|tools/mobilenet/machine_peak)"
  third["arm_neon.h"] = "^(src/kernels/arm/|tools/mobilenet/machine_peak)"
  third["cairo.h"] = third["pango/pangocairo.h"] = "^tools/mobilenet/draw"
  third["curl/curl.h"] = "^tools/mobilenet/pull_fetch"
  third["cpuid.h"] = "^(src/base/cpu|bench/as_cpu)\\.c$"
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
  in_src = path[1] == "src"
  folder = in_src ? path[2] : path[1]
  own = FILENAME
  sub(/\/[^\/]*$/, "/", own)
  if (in_src && !(folder in known)) refuse("folder src/" folder " is not in layers.txt")
}
!/^[ \t]*#[ \t]*include/ { next }
match($0, /<[^>]*>/) {
  name = substr($0, RSTART + 1, RLENGTH - 2)
  if (name in third && FILENAME !~ third[name])
    refuse("<" name "> is for " third[name] " only")
  if (name ~ /^mobilenet\// && in_src) refuse("our own headers are included with quotes")
  next
}
match($0, /"[^"]*"/) {
  name = substr($0, RSTART + 1, RLENGTH - 2)
  if (name == "emulate_avx512.h" && FILENAME ~ /^src\/kernels\/x86\//) next # tests/kernels has it
  if (name == "machine_peak.h" && FILENAME ~ /^bench\//) next # the command has it
  if (name ~ /\.\./) { refuse("no way up: include from src/"); next }
  slash = index(name, "/")
  target = slash ? substr(name, 1, slash - 1) : ""
  if (target == "mobilenet") {
    header = substr(name, slash + 1)
    if (in_src && header in narrow && !((header, folder) in public))
      refuse("src/" folder " may not include mobilenet/" header)
  } else if (!(folder in known)) {
    if (target != "") refuse("only mobilenet/ headers and its own may be included here")
  } else if (target == "") {
    if ((getline line < (own name)) < 0) refuse("\"" name "\" is not beside it")
    close(own name)
  } else if (!((folder, target) in may)) {
    refuse("src/" folder " may not include src/" target)
  }
}
