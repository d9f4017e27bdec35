/* SPDX-License-Identifier: Apache-2.0
 * Where the labels of boxes go: inside the picture, off each other where there is room, at their
 * box, hiding as little as can be. Knows rectangles only. */
#ifndef MOBILENET_TOOL_LABEL_PLACE_H
#define MOBILENET_TOOL_LABEL_PLACE_H

typedef struct place_rect {
  double x, y, width, height;
} place_rect;

typedef struct place_scene {
  double width, height;    /* of the picture */
  const place_rect *boxes; /* [count], within the picture; the first ones choose first */
  place_rect *labels; /* [count]: width and height in, no more than the picture's; x and y out */
  int count;
} place_scene;

void place_labels(const place_scene *scene);

/* How far apart two rectangles are; 0 when they touch. */
double place_gap(place_rect a, place_rect b);
/* The area that two rectangles share. */
double place_shared_area(place_rect a, place_rect b);

#endif
