/* SPDX-License-Identifier: Apache-2.0
 * See feed.h. A ring of batches; the next picture of the oldest batch that has one open is a
 * thread's next piece of work, and a batch is given out when all of its pictures are there. Whoever
 * waits for a batch works too. Pixels are bytes until they are given out. */
#include "train/feed.h"

#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "base/crew.h"
#include "image/preprocess.h"
#include "train/feed_order.h"
#include "train/feed_picture.h"
#include "train/targets.h"

enum { USUAL_AHEAD = 3, MOST_AHEAD = 64, MOST_BATCH = 1 << 16, MOST_SIDE = 1 << 14 };

/* A batch that is open, full, or being looked at by the user. */
typedef struct slot {
  uint32_t epoch;
  int64_t index;
  int32_t count, begun, done; /* pictures */
  int32_t given;              /* of them, usable ones, once it is given out */
  int64_t *items;             /* [batch] */
  bool *usable;               /* [batch] */
  uint8_t *pixels;            /* [batch][height][width][3] */
  uint8_t *masks;             /* [batch][height][width] or NULL */
  mn_box *boxes;              /* [batch][most boxes] or NULL */
  int32_t *box_counts;        /* [batch] */
  int32_t *begin;             /* [batch + 1], when given out */
} slot;

struct mn_feed {
  mn_feed_options options;
  mn_picture_rule rule;
  mn_feed_order order;
  mn_preprocess map; /* from bytes to the input's numbers */
  void *map_scratch;
  mn_crew *crew;
  mn_picture_bench *benches; /* [threads + 1] */
  slot *slots;               /* [ahead] */
  int32_t ahead, box_room;   /* boxes that a picture has room for */
  bool lends;                /* the oldest slot is with the user */
  size_t picture_bytes;      /* height * width * 3 */
  /* Under the crew's lock from here on. */
  uint64_t oldest, newest; /* slots oldest .. newest - 1 are open, modulo `ahead` */
  uint32_t next_epoch;
  int64_t next_index;    /* of the batch that is opened next */
  int busy;              /* pictures being made */
  bool closed;           /* nothing is begun: opening, or seeking */
  mn_raw_picture **kept; /* [pictures of the set] */
  uint64_t kept_bytes;
  bool *named; /* [pictures of the set] */
  mn_notes notes;
  mn_feed_counts counts;
  mn_status status; /* of what no picture is to blame for */
  mn_error err;
};

static slot *slot_at(const mn_feed *feed, uint64_t number) {
  return &feed->slots[number % (uint64_t)feed->ahead];
}

/* ---- One picture ---------------------------------------------------------------------------- */

/* Remembers a decoded picture where there is room for it. True: `raw` is the feed's now. */
static bool keep(mn_feed *feed, int64_t item, const mn_raw_picture *raw) {
  if (feed->kept[item]) return false;
  if (raw->bytes > feed->options.cache_bytes - feed->kept_bytes) {
    feed->counts.full = true;
    return false;
  }
  feed->kept[item] = mn_alloc(sizeof *raw);
  if (!feed->kept[item]) return false;
  *feed->kept[item] = *raw;
  feed->kept_bytes += raw->bytes;
  feed->counts.kept_pictures++;
  return true;
}

/* Names a picture once. Out of memory and what a caller did wrong are no picture's fault. */
static void complain(mn_feed *feed, int64_t item, mn_status status, const mn_error *err) {
  if (status == MN_ERR_MEMORY) {
    feed->status = status;
    feed->err = *err;
    return;
  }
  if (feed->named[item]) return;
  feed->named[item] = true;
  if (mn_notes_add(&feed->notes, &feed->err, "%s", err->text)) feed->status = MN_ERR_MEMORY;
}

/* Picture `at` of a slot, without the lock. */
static mn_status make_picture(mn_feed *feed, slot *s, int32_t at, const mn_raw_picture *raw,
                              mn_picture_bench *bench, mn_error *err) {
  const mn_feed_options *o = &feed->options;
  const size_t index = (size_t)at, area = feed->picture_bytes / 3;
  mn_augment_target target = {
      .canvas = {s->pixels + index * feed->picture_bytes, o->width, o->height},
      .mask = {s->masks ? s->masks + index * area : NULL, o->width, o->height}};
  mn_made_boxes boxes = {.boxes = s->boxes ? s->boxes + index * (size_t)feed->box_room : NULL};
  mn_status status =
      mn_picture_make(&feed->rule, raw, s->items[at], s->epoch, bench, &target, &boxes, err);
  s->box_counts[at] = boxes.count;
  return status;
}

/* Makes a picture; called and left with the lock. */
static void work_on(mn_feed *feed, slot *s, int32_t at, mn_picture_bench *bench) {
  const int64_t item = s->items[at];
  const mn_raw_picture *kept = feed->kept[item];
  mn_raw_picture raw = {0};
  mn_error err = {0};
  mn_status status = MN_OK;
  mn_crew_unlock(feed->crew);
  if (!kept) status = mn_raw_picture_read(&raw, &feed->rule, item, bench, &err);
  if (!status) status = make_picture(feed, s, at, kept ? kept : &raw, bench, &err);
  mn_crew_lock(feed->crew);
  feed->counts.made++;
  feed->counts.decoded += !kept;
  s->usable[at] = status == MN_OK;
  if (status) {
    mn_error_at(&err, status, mn_dataset_path(feed->rule.set, item));
    complain(feed, item, status, &err);
  }
  if (!kept && (status || !keep(feed, item, &raw))) {
    mn_crew_unlock(feed->crew);
    mn_raw_picture_free(&raw);
    mn_crew_lock(feed->crew);
  }
}

/* ---- The ring ------------------------------------------------------------------------------- */

/* The next batch is the rank's first from here on. */
static void go_to(mn_feed *feed, int64_t index) {
  feed->next_index = mn_feed_order_next(&feed->order, index);
  if (feed->next_index < mn_feed_order_batches(&feed->order)) return;
  feed->next_index = mn_feed_order_next(&feed->order, 0);
  feed->next_epoch++;
}

static void open_slot(mn_feed *feed) {
  slot *s = slot_at(feed, feed->newest++);
  s->epoch = feed->next_epoch;
  s->index = feed->next_index;
  s->begun = s->done = 0;
  s->count = mn_feed_order_take(&feed->order, s->epoch, s->index, s->items);
  go_to(feed, s->index + 1);
}

/* The oldest slot with a picture that nobody has begun, opening one where there is room. */
static slot *find_work(mn_feed *feed) {
  for (uint64_t n = feed->oldest; n < feed->newest; ++n) {
    slot *s = slot_at(feed, n);
    if (s->begun < s->count) return s;
  }
  while (feed->newest - feed->oldest < (uint64_t)feed->ahead) {
    open_slot(feed);
    slot *s = slot_at(feed, feed->newest - 1);
    if (s->count) return s;
  }
  return NULL;
}

static bool step(void *context, int worker) {
  mn_feed *feed = context;
  if (feed->closed || feed->status) return false;
  slot *s = find_work(feed);
  if (!s) return false;
  const int32_t at = s->begun++;
  feed->busy++;
  work_on(feed, s, at, &feed->benches[worker]);
  feed->busy--;
  if (++s->done == s->count || feed->closed) mn_crew_changed(feed->crew);
  return true;
}

/* The lock is held. The oldest batch, once it is full. */
static slot *wait_for_batch(mn_feed *feed) {
  const int self = mn_crew_threads(feed->crew);
  for (;;) {
    if (feed->newest == feed->oldest) open_slot(feed);
    slot *s = slot_at(feed, feed->oldest);
    if (feed->status || s->done == s->count) return s;
    /* Help with this batch; what is further ahead is the threads'. */
    if (s->begun < s->count) {
      step(feed, self);
    } else {
      mn_crew_wait(feed->crew);
    }
  }
}

static void take_back(mn_feed *feed) {
  if (!feed->lends) return;
  feed->lends = false;
  feed->oldest++;
  mn_crew_changed(feed->crew);
}

/* ---- Giving out ----------------------------------------------------------------------------- */

/* Closes the gaps that unusable pictures left, of everything but pixels, which are mapped after. */
static void close_gaps(const mn_feed *feed, slot *s, int32_t *from) {
  const size_t area = feed->picture_bytes / 3;
  int32_t kept = 0, boxes = 0;
  s->begin[0] = 0;
  for (int32_t i = 0; i < s->count; ++i) {
    if (!s->usable[i]) continue;
    const size_t room = (size_t)feed->box_room;
    if (s->boxes)
      memmove(s->boxes + boxes, s->boxes + (size_t)i * room,
              (size_t)s->box_counts[i] * sizeof *s->boxes);
    if (s->masks && kept < i)
      memcpy(s->masks + (size_t)kept * area, s->masks + (size_t)i * area, area);
    boxes += s->box_counts[i];
    s->items[kept] = s->items[i];
    from[kept++] = i;
    s->begin[kept] = boxes;
  }
  s->given = kept;
}

static void write_target(const mn_feed *feed, int64_t item, float *targets) {
  const mn_feed_options *o = &feed->options;
  const int32_t background = o->contract->labels.background;
  int32_t column = mn_dataset_class(feed->rule.set, item);
  if (background >= 0 && column >= background) column++;
  mn_targets_of_class(targets, o->classes, column, o->training ? o->augment.smoothing : 0);
}

static mn_status map_pixels(const mn_feed *feed, const slot *s, int32_t from, float *out,
                            mn_error *err) {
  const mn_feed_options *o = &feed->options;
  const mn_image image = {s->pixels + (size_t)from * feed->picture_bytes, o->width, o->height,
                          (size_t)o->width * 3};
  return mn_preprocess_run(&feed->map, &image, feed->map_scratch, out, err);
}

static void mix(const mn_feed *feed, const slot *s, float *pixels, float *targets) {
  const mn_feed_options *o = &feed->options;
  if (!o->training || !(o->augment.mixup > 0)) return;
  mn_rng rng = mn_rng_at(o->seed, MN_RNG_MIXUP, s->epoch, (uint64_t)s->index);
  const double share = mn_rng_beta(&rng, o->augment.mixup);
  mn_mix(pixels, s->given, mn_feed_picture_floats(feed), share);
  if (targets) mn_mix(targets, s->given, (size_t)o->classes, share);
}

static mn_status give_out(const mn_feed *feed, slot *s, float *pixels, float *targets,
                          mn_feed_batch *batch, mn_error *err) {
  const size_t floats = mn_feed_picture_floats(feed);
  int32_t *from = mn_alloc((size_t)feed->options.batch * sizeof *from);
  if (!from) return mn_fail_memory(err, (size_t)feed->options.batch * sizeof *from);
  close_gaps(feed, s, from);
  mn_status status = MN_OK;
  for (int32_t i = 0; !status && i < s->given; ++i) {
    status = map_pixels(feed, s, from[i], pixels + (size_t)i * floats, err);
    if (targets)
      write_target(feed, s->items[i], targets + (size_t)i * (size_t)feed->options.classes);
  }
  mn_free(from);
  if (status) return status;
  mix(feed, s, pixels, targets);
  *batch = (mn_feed_batch){.epoch = s->epoch,
                           .index = s->index,
                           .count = s->given,
                           .items = s->items,
                           .boxes = s->boxes,
                           .begin = s->begin,
                           .masks = s->masks};
  return MN_OK;
}

mn_status mn_feed_next(mn_feed *feed, float *pixels, float *targets, mn_feed_batch *batch,
                       mn_error *err) {
  mn_crew_lock(feed->crew);
  take_back(feed);
  slot *s = wait_for_batch(feed);
  mn_status status = feed->status;
  if (status && err) *err = feed->err;
  feed->lends = status == MN_OK;
  mn_crew_unlock(feed->crew);
  return status ? status : give_out(feed, s, pixels, targets, batch, err);
}

mn_status mn_feed_seek(mn_feed *feed, uint32_t epoch, int64_t batch, mn_error *err) {
  if (batch < 0 || batch >= mn_feed_batches(feed)) {
    return mn_fail(err, MN_ERR_ARGUMENT, "batch", "%lld, expected 0 to %lld", (long long)batch,
                   (long long)mn_feed_batches(feed) - 1);
  }
  mn_crew_lock(feed->crew);
  feed->closed = true;
  while (feed->busy) mn_crew_wait(feed->crew);
  feed->closed = feed->lends = false;
  feed->oldest = feed->newest;
  feed->next_epoch = epoch;
  go_to(feed, batch);
  mn_crew_changed(feed->crew);
  mn_crew_unlock(feed->crew);
  return MN_OK;
}

const char *mn_feed_note(mn_feed *feed, size_t index) {
  mn_crew_lock(feed->crew);
  const char *note = index < feed->notes.count ? feed->notes.list[index] : NULL;
  mn_crew_unlock(feed->crew);
  return note;
}

mn_feed_counts mn_feed_count(mn_feed *feed) {
  mn_crew_lock(feed->crew);
  mn_feed_counts counts = feed->counts;
  counts.kept_bytes = feed->kept_bytes;
  mn_crew_unlock(feed->crew);
  return counts;
}

int64_t mn_feed_batches(const mn_feed *feed) { return mn_feed_order_batches(&feed->order); }

size_t mn_feed_picture_floats(const mn_feed *feed) {
  return feed->picture_bytes / 3 * (size_t)feed->map.channels;
}

/* ---- Beginning and end ---------------------------------------------------------------------- */

typedef struct bound {
  const char *name;
  int64_t value, low, high;
} bound;

static mn_status check_classes(const mn_part *part, const mn_feed_options *o, mn_error *err) {
  if (!o->classes) return MN_OK;
  const bool background = o->contract->labels.background >= 0;
  const int32_t columns = mn_dataset_class_count(part->set) + background;
  if (mn_dataset_task(part->set) == MN_TASK_CLASSIFY && columns == o->classes) return MN_OK;
  return mn_fail(err, MN_ERR_ARGUMENT, "classes", "%d outputs for a set of %d classes",
                 (int)o->classes, mn_dataset_class_count(part->set));
}

static mn_status check(const mn_part *part, const mn_feed_options *o, mn_error *err) {
  const int32_t step = o->step ? o->step : 1, ranks = o->ranks ? o->ranks : 1;
  const bound bounds[] = {
      {"height", o->height, 1, MOST_SIDE},
      {"width", o->width, 1, MOST_SIDE},
      {"batch", o->batch, 1, MOST_BATCH},
      {"classes", o->classes, 0, INT32_MAX},
      {"ahead", o->ahead, 0, MOST_AHEAD},
      {"short_side", o->short_side, 0, MOST_SIDE},
      {"step", step, 1, INT32_MAX},
      {"ranks", ranks, 1, step},
      {"rank", o->rank, 0, ranks - 1},
      {"pictures", part->count, o->drop_last ? (int64_t)step * o->batch : 1, UINT32_MAX}};
  for (size_t i = 0; i < sizeof bounds / sizeof *bounds; ++i) {
    const bound *b = &bounds[i];
    if (b->value >= b->low && b->value <= b->high) continue;
    return mn_fail(err, MN_ERR_ARGUMENT, b->name, "%lld, expected %lld to %lld",
                   (long long)b->value, (long long)b->low, (long long)b->high);
  }
  mn_status status = check_classes(part, o, err);
  return !status && o->training ? mn_augment_check(&o->augment, err) : status;
}

static mn_status prepare_map(mn_feed *feed, mn_error *err) {
  const mn_feed_options *o = &feed->options;
  mn_contract contract = *o->contract;
  contract.input.fit = MN_FIT_STRETCH; /* a view has the input's size already */
  const mn_preprocess_target target = {.height = o->height,
                                       .width = o->width,
                                       .channels = contract.input.order == MN_PIXELS_GRAY ? 1 : 3,
                                       .type = MN_F32,
                                       .max_image_width = o->width,
                                       .max_image_height = o->height};
  mn_status status = mn_preprocess_init(&feed->map, &contract, &target, err);
  if (status) return status;
  feed->map_scratch = mn_alloc(feed->map.scratch_bytes);
  return feed->map_scratch ? MN_OK : mn_fail_memory(err, feed->map.scratch_bytes);
}

static int32_t find_box_room(const mn_part *part) {
  int32_t most = 1;
  for (int64_t i = 0; i < part->count; ++i) {
    const int32_t boxes = mn_dataset_box_count(part->set, part->items[i]);
    if (boxes > most) most = boxes;
  }
  return most;
}

static bool reserve_slot(mn_feed *feed, slot *s) {
  const mn_task task = mn_dataset_task(feed->rule.set);
  const size_t batch = (size_t)feed->options.batch;
  size_t bytes = 0, boxes = 0;
  if (!mn_mul_size(batch, feed->picture_bytes, &bytes) ||
      !mn_mul_size(batch * sizeof *s->boxes, (size_t)feed->box_room, &boxes)) {
    return false;
  }
  s->items = mn_alloc(batch * sizeof *s->items);
  s->usable = mn_alloc_zero(batch * sizeof *s->usable);
  s->box_counts = mn_alloc_zero(batch * sizeof *s->box_counts);
  s->begin = mn_alloc_zero((batch + 1) * sizeof *s->begin);
  s->pixels = mn_alloc(bytes);
  if (task == MN_TASK_SEGMENT) s->masks = mn_alloc(bytes / 3);
  if (task == MN_TASK_DETECT) s->boxes = mn_alloc(boxes);
  return s->items && s->usable && s->box_counts && s->begin && s->pixels &&
         (s->masks || task != MN_TASK_SEGMENT) && (s->boxes || task != MN_TASK_DETECT);
}

static void free_slot(slot *s) {
  mn_free(s->items);
  mn_free(s->usable);
  mn_free(s->box_counts);
  mn_free(s->begin);
  mn_free(s->pixels);
  mn_free(s->masks);
  mn_free(s->boxes);
}

static mn_status reserve(mn_feed *feed, mn_error *err) {
  const mn_feed_options *o = &feed->options;
  const size_t pictures = (size_t)mn_dataset_count(feed->rule.set);
  feed->ahead = o->ahead ? o->ahead : USUAL_AHEAD;
  feed->slots = mn_alloc_zero((size_t)feed->ahead * sizeof *feed->slots);
  feed->benches = mn_alloc_zero((size_t)(o->threads < 0 ? 0 : o->threads) * sizeof *feed->benches +
                                sizeof *feed->benches);
  feed->kept = mn_alloc_zero(pictures * sizeof *feed->kept);
  feed->named = mn_alloc_zero(pictures * sizeof *feed->named);
  bool fits = feed->slots && feed->benches && feed->kept && feed->named;
  for (int32_t i = 0; fits && i < feed->ahead; ++i) fits = reserve_slot(feed, &feed->slots[i]);
  return fits ? mn_feed_order_reserve(&feed->order, err)
              : mn_fail_memory(err, feed->picture_bytes * (size_t)o->batch);
}

static mn_status open_feed(mn_feed *feed, const mn_part *part, mn_error *err) {
  mn_feed_options *o = &feed->options;
  feed->rule = (mn_picture_rule){part->set, o->contract, {0}, o->seed, o->short_side};
  if (o->training) feed->rule.augment = o->augment;
  feed->order = (mn_feed_order){.items = part->items,
                                .count = part->count,
                                .batch = o->batch,
                                .step = o->step ? o->step : 1,
                                .rank = o->rank,
                                .ranks = o->ranks ? o->ranks : 1,
                                .shuffled = o->training,
                                .drop_last = o->drop_last,
                                .seed = o->seed};
  feed->picture_bytes = (size_t)o->height * (size_t)o->width * 3;
  feed->box_room = find_box_room(part);
  mn_status status = prepare_map(feed, err);
  if (!status) status = reserve(feed, err);
  feed->closed = true; /* a thread must not look for the crew before it is there */
  if (!status) status = mn_crew_new(&feed->crew, o->threads, step, feed, err);
  return status ? status : mn_feed_seek(feed, 0, 0, err);
}

mn_status mn_feed_new(mn_feed **out, const mn_part *part, const mn_feed_options *options,
                      mn_error *err) {
  *out = NULL;
  mn_status status = check(part, options, err);
  if (status) return status;
  mn_feed *feed = mn_alloc_zero(sizeof *feed);
  if (!feed) return mn_fail_memory(err, sizeof *feed);
  feed->options = *options;
  status = open_feed(feed, part, err);
  if (status) {
    mn_feed_free(feed);
  } else {
    *out = feed;
  }
  return status;
}

static void free_kept(mn_feed *feed) {
  const int64_t pictures = mn_dataset_count(feed->rule.set);
  for (int64_t i = 0; feed->kept && i < pictures; ++i) {
    if (feed->kept[i]) mn_raw_picture_free(feed->kept[i]);
    mn_free(feed->kept[i]);
  }
  mn_free(feed->kept);
}

void mn_feed_free(mn_feed *feed) {
  if (!feed) return;
  const int threads = feed->crew ? mn_crew_threads(feed->crew) : 0;
  mn_crew_free(feed->crew);
  for (int i = 0; feed->benches && i <= threads; ++i) mn_workspace_free(&feed->benches[i].space);
  for (int32_t i = 0; feed->slots && i < feed->ahead; ++i) free_slot(&feed->slots[i]);
  free_kept(feed);
  mn_feed_order_free(&feed->order);
  mn_notes_free(&feed->notes);
  mn_free(feed->benches);
  mn_free(feed->slots);
  mn_free(feed->named);
  mn_free(feed->map_scratch);
  mn_free(feed);
}
