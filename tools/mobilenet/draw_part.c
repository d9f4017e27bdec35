/* SPDX-License-Identifier: Apache-2.0
 * The part that draws (part.h). */
#include "draw_part.h"

#include "part.h"

extern const draw_part mobilenet_draw;
PART_PUBLIC const draw_part mobilenet_draw = {draw_canvas_new, draw_canvas_free, draw_canvas_write,
                                              draw_objects,    draw_overlay,     draw_legend};
