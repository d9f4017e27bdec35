/* SPDX-License-Identifier: Apache-2.0
 * A greedy choice: every label tries the places around and within its box, and takes the cheapest.
 * Covering another label costs most, then leaving the box, then hiding objects. */
#include "label_place.h"

#include <float.h>
#include <math.h>

enum { CORNERS = 8, STEPS = 24, PLACES = CORNERS + 2 * STEPS };

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

/* The label at its box's corners, outside before inside; then on its way down the left edge, and
 * the right one. */
static place_rect at_place(place_rect box, place_rect label, int place) {
  const double left = box.x, right = box.x + box.width - label.width;
  const double above = box.y - label.height, below = box.y + box.height;
  if (place < CORNERS) {
    label.x = place < 4 ? left : right;
    switch (place % 4) {
      case 0: label.y = above; break;
      case 1: label.y = box.y; break;
      case 2: label.y = below; break;
      default: label.y = below - label.height; break;
    }
    return label;
  }
  const int step = place - CORNERS;
  label.x = step < STEPS ? left : right;
  label.y = box.y + (step % STEPS + 1) * label.height;
  return label;
}

static double clamp(double value, double most) { return fmax(0, fmin(value, most)); }

static place_rect moved_inside(const place_scene *scene, place_rect label) {
  label.x = clamp(label.x, scene->width - label.width);
  label.y = clamp(label.y, scene->height - label.height);
  return label;
}

static double cost_of(const place_scene *scene, int index, place_rect wanted, place_rect label) {
  double cost = (fabs(wanted.x - label.x) * 0.5 + fabs(wanted.y - label.y)) / label.height;
  for (int i = 0; i < scene->count; i++) {
    const double covered = i < index ? hidden(label, scene->labels[i]) : 0;
    if (covered > 0) cost += 100 * (1 + covered);
    cost += (i == index ? 1.5 : 0.3) * hidden(scene->boxes[i], label);
  }
  return cost;
}

static place_rect best_place(const place_scene *scene, int index) {
  place_rect best = scene->labels[index];
  double least = DBL_MAX;
  for (int place = 0; place < PLACES; place++) {
    const place_rect wanted = at_place(scene->boxes[index], scene->labels[index], place);
    const place_rect label = moved_inside(scene, wanted);
    const double cost = cost_of(scene, index, wanted, label) + place * 0.04;
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
