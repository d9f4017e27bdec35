/* SPDX-License-Identifier: Apache-2.0
 * See warp.h. Places are counted in 65536ths of a pixel and added up along a row, which decides
 * ties: Pillow's arithmetic, kept so that the same maps give the same bytes. */
#include "train/warp.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

mn_warp mn_warp_rotation(double degrees, mn_size size) {
  const double angle = -degrees * 3.14159265358979323846 / 180;
  const double c = cos(angle), s = sin(angle), x = size.width / 2.0, y = size.height / 2.0;
  mn_warp warp = {{c, s, x - c * x - s * y, -s, c, y + s * x - c * y}};
  return warp;
}

mn_warp mn_warp_shear(double x, double y) {
  mn_warp warp = {{1, x, 0, y, 1, 0}};
  return warp;
}

mn_warp mn_warp_translation(double x, double y) {
  mn_warp warp = {{1, 0, -x, 0, 1, -y}};
  return warp;
}

static int64_t fixed(double v) { return (int64_t)floor(v * 65536 + 0.5); }

mn_status mn_warp_picture(mn_canvas *canvas, const mn_warp *warp, const uint8_t fill[3],
                          mn_workspace *space, mn_error *err) {
  const double *m = warp->m;
  const size_t bytes = (size_t)canvas->width * (size_t)canvas->height * 3;
  uint8_t *before = mn_workspace_take(space, bytes), *to = canvas->pixels;
  if (!before) return mn_fail_memory(err, bytes);
  memcpy(before, canvas->pixels, bytes);
  const int64_t right[2] = {fixed(m[0]), fixed(m[3])}, down[2] = {fixed(m[1]), fixed(m[4])};
  int64_t row[2] = {fixed(m[2] + (m[0] + m[1]) / 2), fixed(m[5] + (m[3] + m[4]) / 2)};
  for (int32_t y = 0; y < canvas->height; ++y, row[0] += down[0], row[1] += down[1]) {
    int64_t at[2] = {row[0], row[1]};
    for (int32_t x = 0; x < canvas->width; ++x, to += 3, at[0] += right[0], at[1] += right[1]) {
      const int64_t sx = at[0] >> 16, sy = at[1] >> 16;
      const bool inside = sx >= 0 && sx < canvas->width && sy >= 0 && sy < canvas->height;
      memcpy(to, inside ? before + (sy * canvas->width + sx) * 3 : fill, 3);
    }
  }
  return MN_OK;
}
