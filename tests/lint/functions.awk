# SPDX-License-Identifier: Apache-2.0
# After strip.awk: "lines file:line name" of every function, first line of its head to last brace.
{
  line = strip($0)
  if (FNR == 1) depth = head_line = directive = 0
  if (directive || line ~ /^[ \t]*#/) {
    directive = line ~ /\\$/
    next
  }
  if (depth == 0 && line ~ /^extern ""/) next
  while (match(line, /[{};]/)) {
    before = substr(line, 1, RSTART - 1)
    c = substr(line, RSTART, 1)
    line = substr(line, RSTART + 1)
    if (depth == 0 && before ~ /[^ \t]/) {
      if (!head_line) head_line = FNR
      head = head " " before
    }
    if (c == "{") {
      if (depth++ == 0) is_function = head ~ /\)[ \t]*$/ && head !~ /=/
    } else if (c == "}" && --depth == 0 && is_function) {
      name = head
      sub(/[ \t]*\(.*/, "", name)
      sub(/.*[ \t*]/, "", name)
      print FNR - head_line + 1, FILENAME ":" head_line, name
    }
    if (depth == 0) {
      head = ""
      head_line = 0
    }
  }
  if (depth == 0 && line ~ /[^ \t]/) {
    if (!head_line) head_line = FNR
    head = head " " line
  }
}
