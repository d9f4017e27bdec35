/* SPDX-License-Identifier: Apache-2.0
 * A network's block diagram as SVG: a row a block, top to bottom. Bars are layers, as wide as they
 * have channels; an arc is a shortcut; on the right what the block costs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "network_blocks.h"
#include "new_file.h"
#include "svg.h"
#include "terminal.h"

enum {
  PAGE = 960,
  SIZE_AT = 96,  /* right end of the resolution's column */
  BARS_AT = 252, /* middle of the bars */
  BARS = 220,    /* widest bar */
  TEXT_AT = 408, /* what a block does */
  MACS_AT = 690, /* its cost */
  PARAMS_AT = 824,
  COST = 104, /* longest cost bar */
  BAR = 10,   /* height of a layer */
  PAD = 13,   /* between blocks */
  LEAST = 34, /* height of a row's text */
  TOP = 92
};

static const char *const kind_colors[] = {
    [LAYER_CONV] = "#a9563f",
    [LAYER_POINTWISE] = "#d9a860",
    [LAYER_DEPTHWISE] = "#5f8a5a",
    [LAYER_DENSE] = "#6a5a8c",
};
static const char *const kind_names[] = {
    [LAYER_CONV] = "convolution",
    [LAYER_POINTWISE] = "1x1",
    [LAYER_DEPTHWISE] = "depthwise",
    [LAYER_DENSE] = "fully connected",
};

static const svg_text_style plain = {12, SVG_INK, SVG_START, false};
static const svg_text_style faint = {11, SVG_FAINT, SVG_START, false};
static const svg_text_style bold = {13, SVG_INK, SVG_START, true};

typedef struct drawing {
  FILE *file;
  const network_block *blocks;
  int count;
  int32_t most_channels;
  uint64_t most_macs, most_params;
} drawing;

/* A block of weights, or one that changes what the eye follows. */
static bool is_shown(const network_block *block) { return block->count > 0 || block->does; }

static double row_height(const network_block *block) {
  int bars = block->count * (BAR + 2);
  return (bars > LEAST ? bars : LEAST) + PAD;
}

/* Widths by square root: 16 and 1280 channels on one page. */
static double bar_width(const drawing *page, int32_t channels) {
  return BARS * sqrt((double)channels / page->most_channels);
}

/* Heads, whose layers do not follow one another; NULL for every other block. */
static const char *head_text(const network_block *block) {
  static const char *const heads[][2] = {
      {"map", "encodings of boxes; scores of classes"},
      {"aspp", "branches of several reaches, joined"},
      {"lraspp", "gated features and scores of two maps"},
  };
  for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
    if (strncmp(block->name, heads[i][0], strlen(heads[i][0])) == 0) return heads[i][1];
  }
  return NULL;
}

static void draw_bars(const drawing *page, const network_block *block, double y, double height) {
  double top = y + (height - PAD - block->count * (BAR + 2)) / 2, widest = 0;
  for (int i = 0; i < block->count; i++) {
    const block_layer *layer = &block->layers[i];
    double width = bar_width(page, layer->channels);
    if (width > widest) widest = width;
    fprintf(page->file,
            "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" rx=\"2\" fill=\"%s\"/>\n",
            BARS_AT - width / 2, top + i * (BAR + 2), width, BAR, kind_colors[layer->kind]);
  }
  if (block->residual && !head_text(block)) {
    double x = BARS_AT + widest / 2 + 5, bottom = y + height - PAD;
    fprintf(page->file,
            "<path d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f\" fill=\"none\" "
            "stroke=\"" SVG_FAINT "\" stroke-width=\"1.5\"/>\n",
            x, y, x + 14, y + 4, x + 14, bottom - 4, x, bottom);
  }
}

/* "3x3 depthwise, stride 2, SE". */
static void what_text(char *text, size_t size, const network_block *block) {
  size_t used = 0;
  text[0] = '\0';
  for (int i = 0; i < block->count && used < size; i++) {
    const block_layer *layer = &block->layers[i];
    bool only = block->count == 1;
    if (layer->kind == LAYER_POINTWISE && !only) continue;
    const char *comma = used ? ", " : "";
    if (layer->kernel && layer->kind != LAYER_POINTWISE) {
      used += (size_t)snprintf(text + used, size - used, "%s%dx%d %s", comma, layer->kernel,
                               layer->kernel, kind_names[layer->kind]);
    } else {
      used += (size_t)snprintf(text + used, size - used, "%s%s", comma, kind_names[layer->kind]);
    }
  }
  if (!used) used = (size_t)snprintf(text, size, "%s", kind_names[LAYER_POINTWISE]);
  if (used < size && block->in_height > block->height && block->height > 1) {
    used += (size_t)snprintf(text + used, size - used, "%sstride %d", used ? ", " : "",
                             (block->in_height + block->height - 1) / block->height);
  }
  if (used < size && block->squeeze_excite) {
    used += (size_t)snprintf(text + used, size - used, "%sSE", used ? ", " : "");
  }
  if (used < size && block->act) snprintf(text + used, size - used, ", %s", block->act);
}

/* "24 > 144 > 32": channels in, of each layer that changes them, and out. */
static void channels_text(char *text, size_t size, const network_block *block) {
  int32_t last = block->in_channels;
  size_t used = (size_t)snprintf(text, size, "%d", last);
  for (int i = 0; i < block->count && used < size; i++) {
    if (block->layers[i].channels == last && i + 1 < block->count) continue;
    last = block->layers[i].channels;
    used += (size_t)snprintf(text + used, size - used, " \xe2\x86\x92 %d", last);
  }
}

static void draw_text(const drawing *page, const network_block *block, double y, double height) {
  char text[128];
  double middle = y + (height - PAD) / 2;
  svg_text(page->file, TEXT_AT, middle - 3, bold, block->name);
  const char *head = head_text(block);
  if (!head && block->count) {
    channels_text(text, sizeof text, block);
    svg_text(page->file, TEXT_AT + 74, middle - 3, plain, text);
    what_text(text, sizeof text, block);
    svg_text(page->file, TEXT_AT, middle + 13, faint, text);
  } else {
    svg_text(page->file, TEXT_AT, middle + 13, faint, head ? head : block->does);
  }
}

static void draw_cost(const drawing *page, double x, double y, uint64_t cost, uint64_t most) {
  char text[16];
  if (!cost) return;
  double width = COST * (double)cost / (double)most;
  fprintf(page->file,
          "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"8\" rx=\"1\" fill=\"#b9a78f\"/>\n",
          x, y + 4, width < 1 ? 1 : width);
  svg_text(page->file, x, y - 2, faint, count_text(text, sizeof text, cost));
}

/* The resolution, and a line where it changes. */
static void draw_size(const drawing *page, const network_block *block, double y, double height) {
  char text[32];
  fprintf(page->file, "<path d=\"M24 %.1fH%d\" stroke=\"" SVG_LINE "\"/>\n", y - PAD / 2.0,
          PAGE - 24);
  snprintf(text, sizeof text, "%d x %d", block->height, block->width);
  svg_text(page->file, SIZE_AT, y + (height - PAD) / 2 + 4,
           (svg_text_style){13, SVG_INK, SVG_END, false}, text);
}

static void draw_rows(const drawing *page) {
  int32_t height = 0, width = 0;
  double y = TOP;
  for (int i = 0; i < page->count; i++) {
    const network_block *block = &page->blocks[i];
    if (!is_shown(block)) continue;
    double row = row_height(block);
    if (block->height != height || block->width != width) draw_size(page, block, y, row);
    height = block->height;
    width = block->width;
    draw_bars(page, block, y, row);
    draw_text(page, block, y, row);
    draw_cost(page, MACS_AT, y + (row - PAD) / 2, block->macs, page->most_macs);
    draw_cost(page, PARAMS_AT, y + (row - PAD) / 2, block->params, page->most_params);
    y += row;
  }
}

static void draw_head(const drawing *page, const char *title, const mn_model *model) {
  char text[128], params[16], macs[16];
  mn_model_summary summary;
  svg_text(page->file, 24, 32, (svg_text_style){19, SVG_INK, SVG_START, true}, title);
  if (mn_model_summarize(model, &summary, NULL) == MN_OK) {
    snprintf(text, sizeof text, "%s parameters, %s multiply-adds",
             count_text(params, sizeof params, summary.params),
             count_text(macs, sizeof macs, summary.macs));
    svg_text(page->file, 24, 52, faint, text);
  }
  double x = TEXT_AT;
  for (int kind = LAYER_CONV; kind <= LAYER_DENSE; kind++) {
    fprintf(page->file,
            "<rect x=\"%.1f\" y=\"43\" width=\"18\" height=\"%d\" rx=\"2\" fill=\"%s\"/>\n", x, BAR,
            kind_colors[kind]);
    svg_text(page->file, x + 24, 52, faint, kind_names[kind]);
    x += 44 + 6.2 * (double)strlen(kind_names[kind]);
  }
  svg_text(page->file, BARS_AT, 76, (svg_text_style){11, SVG_FAINT, SVG_MIDDLE, false},
           "width of a bar: channels");
  svg_text(page->file, MACS_AT, 76, faint, "multiply-adds");
  svg_text(page->file, PARAMS_AT, 76, faint, "parameters");
}

static double measure(drawing *page) {
  double height = TOP;
  for (int i = 0; i < page->count; i++) {
    const network_block *block = &page->blocks[i];
    if (!is_shown(block)) continue;
    height += row_height(block);
    if (block->macs > page->most_macs) page->most_macs = block->macs;
    if (block->params > page->most_params) page->most_params = block->params;
    for (int k = 0; k < block->count; k++) {
      int32_t channels = block->layers[k].channels;
      if (channels > page->most_channels) page->most_channels = channels;
    }
  }
  return height;
}

bool network_draw(const mn_model *model, const char *title, const char *path) {
  new_file out;
  drawing page = {.most_channels = 1};
  network_block *blocks = network_blocks(model, &page.count);
  if (!blocks) return false;
  page.blocks = blocks;
  double height = measure(&page);
  bool done = new_file_begin(&out, path);
  if (done) {
    page.file = out.file;
    svg_begin(out.file, PAGE, (int)height + 12, title);
    draw_head(&page, title, model);
    draw_rows(&page);
    svg_end(out.file);
    done = new_file_end(&out, true);
  }
  free(blocks);
  return done;
}
