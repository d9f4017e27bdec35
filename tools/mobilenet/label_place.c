/* SPDX-License-Identifier: Apache-2.0
 * A greedy choice: every label tries the places around and within its box, and takes the cheapest.
 * Covering another label costs most, then leaving the box, then hiding objects. */
#include "label_place.h"

#include <float.h>
#include <math.h>

enum { CORNERS = 8, SIDES = 4, STEPS = 16, PLACES = CORNERS + SIDES + 4 * STEPS };

double place_shared_area(place_rect a, place_rect b) {
  const double x = fmin(a.x + a.width, b.x + b.width) - fmax(a.x, b.x);
  const double y = fmin(a.y + a.height, b.y + b.height) - fmax(a.y, b.y);
  return x > 0 && y > 0 ? x * y : 0;
}

/* The share of `of` that `cover` hides. */
static double hidden(place_rect of, place_rect cover) {
  const double area = of.width * of.height;
  return area > 0 ? place_shared_area(of, cover) / area : 0;
}

/* The corners, outside before inside, left before right. */
static place_rect at_corner(place_rect box, place_rect label, int corner) {
  const double below = box.y + box.height;
  label.x = corner < 4 ? box.x : box.x + box.width - label.width;
  switch (corner % 4) {
    case 0: label.y = box.y - label.height; break;
    case 1: label.y = box.y; break;
    case 2: label.y = below; break;
    default: label.y = below - label.height; break;
  }
  return label;
}

/* Beside the box, at its top or bottom. */
static place_rect at_side(place_rect box, place_rect label, int side) {
  label.x = side < 2 ? box.x + box.width : box.x - label.width;
  label.y = side % 2 ? box.y + box.height - label.height : box.y;
  return label;
}

/* Further and further down from the top, or up from it, along the left or the right edge. */
static place_rect at_step(place_rect box, place_rect label, int step) {
  const int way = step / STEPS, far = step % STEPS + 1;
  label.x = way % 2 ? box.x + box.width - label.width : box.x;
  label.y = way < 2 ? box.y + far * label.height : box.y - (far + 1) * label.height;
  return label;
}

static place_rect at_place(place_rect box, place_rect label, int place) {
  if (place < CORNERS) return at_corner(box, label, place);
  place -= CORNERS;
  return place < SIDES ? at_side(box, label, place) : at_step(box, label, place - SIDES);
}

double place_gap(place_rect a, place_rect b) {
  const double x = fmax(0, fmax(a.x - b.x - b.width, b.x - a.x - a.width));
  const double y = fmax(0, fmax(a.y - b.y - b.height, b.y - a.y - a.height));
  return hypot(x, y);
}

static double clamp(double value, double most) { return fmax(0, fmin(value, most)); }

static place_rect moved_inside(const place_scene *scene, place_rect label) {
  label.x = clamp(label.x, scene->width - label.width);
  label.y = clamp(label.y, scene->height - label.height);
  return label;
}

static double cost_of(const place_scene *scene, int index, place_rect label) {
  double cost = place_gap(scene->boxes[index], label) / label.height;
  for (int i = 0; i < scene->count; i++) {
    const double covered = i < index ? hidden(label, scene->labels[i]) : 0;
    if (covered > 0) cost += 100 * (1 + covered);
    cost += (i == index ? 2 : 1.2) * hidden(scene->boxes[i], label);
  }
  return cost;
}

static place_rect best_place(const place_scene *scene, int index) {
  place_rect best = scene->labels[index];
  double least = DBL_MAX;
  for (int place = 0; place < PLACES; place++) {
    const place_rect label =
        moved_inside(scene, at_place(scene->boxes[index], scene->labels[index], place));
    const double cost = cost_of(scene, index, label) + place * 0.02;
    if (cost < least) {
      least = cost;
      best = label;
    }
  }
  return best;
}

void place_labels(const place_scene *scene) {
  for (int i = 0; i < scene->count; i++) scene->labels[i] = best_place(scene, i);
}
