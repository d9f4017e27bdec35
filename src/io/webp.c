/* SPDX-License-Identifier: Apache-2.0
 * WebP by libwebp: lossy and lossless, transparency over white, of an animation the first frame at
 * its place on a transparent canvas. */
#include <stdbool.h>
#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>

#include "io/decoders.h"

static mn_status fail_code(const mn_encoded *in, VP8StatusCode code, mn_error *err) {
  switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY:
      return mn_fail(err, MN_ERR_MEMORY, in->name, "out of memory in libwebp");
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      return mn_fail(err, MN_ERR_FORMAT, in->name,
                     "the WebP file is truncated: it ends after %zu bytes, before the picture does",
                     in->size);
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return mn_fail(err, MN_ERR_UNSUPPORTED, in->name, "WebP: a feature libwebp does not decode");
    default: return mn_fail(err, MN_ERR_FORMAT, in->name, "WebP: the bitstream is damaged");
  }
}

/* Decodes the frame into the canvas, which out holds with 3 or 4 bytes a pixel. */
static mn_status decode_frame(mn_decoded *out, const mn_encoded *in, const WebPIterator *frame,
                              unsigned pixel_bytes, mn_error *err) {
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) {
    return mn_fail(err, MN_ERR_UNSUPPORTED, in->name,
                   "libwebp is of another version than built for");
  }
  size_t stride = (size_t)out->width * pixel_bytes;
  size_t at = (size_t)frame->y_offset * stride + (size_t)frame->x_offset * pixel_bytes;
  config.output.colorspace = pixel_bytes == 4 ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = out->pixels + at;
  config.output.u.RGBA.stride = (int)stride;
  config.output.u.RGBA.size = stride * (size_t)out->height - at;
  VP8StatusCode code = WebPDecode(frame->fragment.bytes, frame->fragment.size, &config);
  WebPFreeDecBuffer(&config.output);
  return code == VP8_STATUS_OK ? MN_OK : fail_code(in, code, err);
}

static bool frame_fits(const WebPIterator *frame, const uint64_t canvas[2]) {
  return frame->x_offset >= 0 && frame->y_offset >= 0 && frame->width > 0 && frame->height > 0 &&
         (uint64_t)frame->x_offset + (uint64_t)frame->width <= canvas[0] &&
         (uint64_t)frame->y_offset + (uint64_t)frame->height <= canvas[1];
}

static mn_status decode_first(mn_decoded *out, const mn_encoded *in, const WebPDemuxer *demuxer,
                              mn_error *err) {
  const uint64_t canvas[2] = {WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH),
                              WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT)};
  WebPIterator frame;
  if (!WebPDemuxGetFrame(demuxer, 1, &frame)) {
    return mn_fail(err, MN_ERR_FORMAT, in->name, "WebP: there is no frame in the file");
  }
  bool whole = (uint64_t)frame.width == canvas[0] && (uint64_t)frame.height == canvas[1];
  bool alpha = frame.has_alpha || !whole;
  mn_status status = MN_OK;
  if (!frame_fits(&frame, canvas)) {
    status = mn_fail(err, MN_ERR_FORMAT, in->name, "WebP: the frame is not within the canvas");
  }
  if (!status) status = mn_decoded_reserve(out, in, canvas, alpha ? 4 : 3, err);
  size_t count = (size_t)out->width * (size_t)out->height;
  if (!status && !whole) memset(out->pixels, 0, count * 4);
  if (!status) status = decode_frame(out, in, &frame, alpha ? 4 : 3, err);
  if (!status && alpha) mn_decoded_over_white(out->pixels, count);
  WebPDemuxReleaseIterator(&frame);
  return status;
}

static void read_orientation(mn_decoded *out, const WebPDemuxer *demuxer) {
  WebPChunkIterator chunk;
  if (!WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk)) return;
  out->orientation = mn_exif_orientation(chunk.chunk.bytes, chunk.chunk.size);
  WebPDemuxReleaseChunkIterator(&chunk);
}

mn_status mn_webp_decode(mn_decoded *out, const mn_encoded *in, mn_error *err) {
  WebPData data = {in->bytes, in->size};
  WebPDemuxState state = WEBP_DEMUX_PARSE_ERROR;
  WebPDemuxer *demuxer = WebPDemuxPartial(&data, &state);
  if (!demuxer || state != WEBP_DEMUX_DONE) {
    WebPDemuxDelete(demuxer);
    bool truncated = state == WEBP_DEMUX_PARSING_HEADER || state == WEBP_DEMUX_PARSED_HEADER;
    return fail_code(in, truncated ? VP8_STATUS_NOT_ENOUGH_DATA : VP8_STATUS_BITSTREAM_ERROR, err);
  }
  mn_status status = decode_first(out, in, demuxer, err);
  if (!status) read_orientation(out, demuxer);
  WebPDemuxDelete(demuxer);
  return status;
}
