/* SPDX-License-Identifier: Apache-2.0
 * Architecture names: parsing, families and flavours. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zoo/zoo.h"

/* Longer names before their own beginnings. */
static const char *const family_names[MN_FAMILY_COUNT] = {
    [MN_FAMILY_V1] = "v1",
    [MN_FAMILY_V2] = "v2",
    [MN_FAMILY_V3_LARGE] = "v3-large",
    [MN_FAMILY_V3_SMALL] = "v3-small",
    [MN_FAMILY_V3_LARGE_MIN] = "v3-large-min",
    [MN_FAMILY_V3_SMALL_MIN] = "v3-small-min",
    [MN_FAMILY_V4_SMALL] = "v4-small",
    [MN_FAMILY_V4_MEDIUM] = "v4-medium",
    [MN_FAMILY_V4_LARGE] = "v4-large",
};

static const char *const head_names[] = {
    [MN_HEAD_SSD] = "ssd",
    [MN_HEAD_SSDLITE] = "ssdlite",
    [MN_HEAD_LRASPP] = "lraspp",
    [MN_HEAD_DEEPLAB] = "deeplab",
    [MN_HEAD_DEEPLAB_ASPP] = "deeplab-aspp",
};
enum { HEADS = sizeof head_names / sizeof head_names[0] };

enum { SMALLEST = 32, LARGEST = 4096, MOST_CLASSES = 65536 };

const char *mn_family_name(mn_family family) {
  return (unsigned)family < MN_FAMILY_COUNT ? family_names[family] : "?";
}

const char *mn_head_name(mn_head head) { return (unsigned)head < HEADS ? head_names[head] : NULL; }

bool mn_head_find(mn_head *head, const char *name) {
  for (int h = 0; h < HEADS; h++) {
    *head = (mn_head)h;
    if (head_names[h] && strcmp(head_names[h], name) == 0) return true;
  }
  return false;
}

bool mn_head_detects(mn_head head) { return head == MN_HEAD_SSD || head == MN_HEAD_SSDLITE; }

bool mn_head_segments(mn_head head) {
  return head == MN_HEAD_LRASPP || head == MN_HEAD_DEEPLAB || head == MN_HEAD_DEEPLAB_ASPP;
}

static bool is_v3(mn_family family) {
  return family >= MN_FAMILY_V3_LARGE && family <= MN_FAMILY_V3_SMALL_MIN;
}

bool mn_flavour_find(mn_flavour *flavour, const char *name, mn_family family) {
  /* torchvision's V3 keeps TensorFlow's epsilon; everything else of PyTorch takes its default. */
  static const mn_flavour flavours[] = {
      {"tf", false, 1e-3f, MN_EXPANSION_OF_INPUT, false, 0, false, false},
      {"torchvision", true, 1e-5f, MN_EXPANSION_OF_TABLE, true, 0, false, true},
      {"timm", true, 1e-5f, MN_EXPANSION_OF_INPUT, false, 0, false, false},
      {"mcunet", true, 1e-5f, MN_EXPANSION_OF_INPUT, true, 0, false, false},
      {"cifar", true, 1e-5f, MN_EXPANSION_OF_INPUT, false, 0, true, false},
  };
  for (size_t i = 0; i < sizeof flavours / sizeof flavours[0]; i++) {
    if (strcmp(flavours[i].name, name) != 0) continue;
    *flavour = flavours[i];
    if (flavour->small_pictures && family != MN_FAMILY_V1 && family != MN_FAMILY_V2) return false;
    bool torchvision = strcmp(name, "torchvision") == 0;
    if (torchvision && is_v3(family)) flavour->epsilon = 1e-3f;
    if (torchvision && family == MN_FAMILY_V2) flavour->last_scaled = false;
    if (strcmp(name, "timm") == 0) flavour->whole_stem_below = 0.75;
    return true;
  }
  return false;
}

/* The longest family name that `text` begins with, followed by a dash; its length, or 0. */
static size_t match_family(const char *text, mn_family *family) {
  size_t best = 0;
  for (int f = 0; f < MN_FAMILY_COUNT; f++) {
    size_t length = strlen(family_names[f]);
    if (length > best && strncmp(text, family_names[f], length) == 0 && text[length] == '-') {
      best = length;
      *family = (mn_family)f;
    }
  }
  return best;
}

bool mn_arch_looks_like(const char *text) {
  mn_family family;
  return match_family(text, &family) != 0;
}

static mn_status refuse(mn_error *err, const char *text, const char *expected) {
  return mn_fail(err, MN_ERR_ARGUMENT, text,
                 "expected %s; an architecture is FAMILY-WIDTH-SIZE[xWIDTH][+HEAD][-osSTRIDE]"
                 "[@FLAVOUR], such as v2-1.0-224 or v3-large-1.0-320+ssdlite@torchvision",
                 expected);
}

static bool parse_size(const char **at, int32_t *size) {
  char *end;
  long value = strtol(*at, &end, 10);
  if (end == *at || (*at)[0] == '-' || (*at)[0] == '+' || value < SMALLEST || value > LARGEST) {
    return false;
  }
  *at = end;
  *size = (int32_t)value;
  return true;
}

/* "+HEAD", or nothing. */
static bool parse_head(const char **at, mn_head *head) {
  *head = MN_HEAD_CLASSIFIER;
  if (**at != '+') return true;
  size_t best = 0;
  for (int h = 0; h < HEADS; h++) {
    size_t length = head_names[h] ? strlen(head_names[h]) : 0;
    if (length > best && strncmp(*at + 1, head_names[h], length) == 0) {
      best = length;
      *head = (mn_head)h;
    }
  }
  *at += 1 + best;
  return best != 0;
}

/* "-os8", "-os16", "-os32", or nothing. */
static bool parse_stride(const char **at, mn_arch *arch) {
  arch->output_stride = mn_head_segments(arch->head) ? 16 : 32;
  if (strncmp(*at, "-os", 3) != 0) return true;
  for (int32_t stride = 8; stride <= 32; stride *= 2) {
    char text[8];
    int length = snprintf(text, sizeof text, "-os%d", stride);
    if (strncmp(*at, text, (size_t)length) != 0) continue;
    *at += length;
    arch->output_stride = stride;
    return true;
  }
  return false;
}

static int32_t default_classes(mn_head head) {
  return mn_head_detects(head) ? 91 : mn_head_segments(head) ? 21 : 1000;
}

mn_status mn_arch_parse(mn_arch *arch, const char *text, int32_t classes, mn_error *err) {
  memset(arch, 0, sizeof *arch);
  size_t length = match_family(text, &arch->family);
  if (!length) {
    return refuse(err, text,
                  "a family: v1, v2, v3-large, v3-small, v3-large-min, v3-small-min, v4-small, "
                  "v4-medium or v4-large");
  }
  if (classes < 0 || classes > MOST_CLASSES) return refuse(err, text, "1 to 65536 classes");
  const char *at = text + length + 1;
  char *end;
  arch->width = strtod(at, &end);
  bool ends = *end == '-' || *end == '\0';
  if (end == at || !ends || !(arch->width >= 0.05 && arch->width <= 4)) {
    return refuse(err, text, "a width multiplier from 0.05 to 4");
  }
  at = *end ? end + 1 : end;
  if (!parse_size(&at, &arch->height)) return refuse(err, text, "a size from 32 to 4096");
  arch->width_px = arch->height;
  if (*at == 'x') {
    at++;
    if (!parse_size(&at, &arch->width_px)) return refuse(err, text, "a width from 32 to 4096");
  }
  if (!parse_head(&at, &arch->head)) {
    return refuse(err, text, "the head +ssd, +ssdlite, +lraspp, +deeplab or +deeplab-aspp");
  }
  if (!parse_stride(&at, arch)) return refuse(err, text, "an output stride of 8, 16 or 32");
  const char *flavour = *at == '@' ? at + 1 : *at == '\0' ? "tf" : NULL;
  if (!flavour || !mn_flavour_find(&arch->flavour, flavour, arch->family)) {
    return refuse(err, text,
                  "the flavour @tf, @torchvision, @timm, @mcunet or, of v1 and v2, @cifar");
  }
  if (arch->flavour.small_pictures && arch->head != MN_HEAD_CLASSIFIER) {
    return refuse(err, text, "no head with @cifar, whose maps are of a classifier");
  }
  arch->classes = classes ? classes : default_classes(arch->head);
  return MN_OK;
}
