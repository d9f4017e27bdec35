/* SPDX-License-Identifier: Apache-2.0
 * Fetching, by the part that can. */
#include "part.h"
#include "pull_fetch.h"

fetch_result fetch_url(const fetch_request *request) {
  static const fetch_part *part;
  if (!part) part = part_load("mobilenet_fetch");
  return part ? part->url(request) : FETCH_FAILED;
}
