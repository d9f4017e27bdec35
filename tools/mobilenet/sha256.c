/* SPDX-License-Identifier: Apache-2.0
 * SHA-256 as FIPS 180-4 writes it down. Its constants are made, not listed: the first 32 bits
 * of the fractional parts of square and cube roots of the first primes. */
#include "sha256.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK = 64, ROUNDS = 64 };

typedef struct sha256 {
  uint32_t state[8], constants[ROUNDS];
  uint64_t bytes;
} sha256;

static bool is_prime(uint32_t n) {
  for (uint32_t d = 2; d * d <= n; d++) {
    if (n % d == 0) return false;
  }
  return true;
}

/* floor(n^(1/power) * 2^32) modulo 2^32, by bisection in exact arithmetic: the root of a prime
 * below 312 is below 18, so x < 18 * 2^32 and x^3 < 2^111. */
static uint32_t root_fraction(uint32_t n, int power) {
  __extension__ typedef unsigned __int128 wide;
  uint64_t low = 0, high = (uint64_t)18 << 32;
  while (high - low > 1) {
    const uint64_t middle = low + (high - low) / 2;
    const wide product = power == 2 ? (wide)middle * middle : (wide)middle * middle * middle;
    if (product <= (wide)n << (32 * power)) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return (uint32_t)low;
}

static void start(sha256 *hash) {
  hash->bytes = 0;
  uint32_t prime = 2;
  for (int i = 0; i < ROUNDS; i++, prime++) {
    while (!is_prime(prime)) prime++;
    hash->constants[i] = root_fraction(prime, 3);
    if (i < 8) hash->state[i] = root_fraction(prime, 2);
  }
}

static uint32_t turn(uint32_t x, int bits) { return x >> bits | x << (32 - bits); }

static void schedule(uint32_t w[ROUNDS], const uint8_t block[BLOCK]) {
  for (int i = 0; i < 16; i++) {
    w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
           (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
  }
  for (int i = 16; i < ROUNDS; i++) {
    const uint32_t a = w[i - 15], b = w[i - 2];
    w[i] = w[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ a >> 3) + w[i - 7] +
           (turn(b, 17) ^ turn(b, 19) ^ b >> 10);
  }
}

/* Names of variables are the standard's. */
static void take_block(sha256 *hash, const uint8_t block[BLOCK]) {
  uint32_t w[ROUNDS], v[8];
  schedule(w, block);
  memcpy(v, hash->state, sizeof v);
  for (int i = 0; i < ROUNDS; i++) {
    const uint32_t a = v[0], e = v[4];
    const uint32_t choice = (e & v[5]) ^ (~e & v[6]);
    const uint32_t majority = (a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]);
    const uint32_t t1 =
        v[7] + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + choice + hash->constants[i] + w[i];
    const uint32_t t2 = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + majority;
    memmove(v + 1, v, 7 * sizeof v[0]);
    v[4] += t1;
    v[0] = t1 + t2;
  }
  for (int i = 0; i < 8; i++) hash->state[i] += v[i];
}

/* The rest of the message (less than a block), the bit that ends it, its length in bits. */
static void finish(sha256 *hash, const uint8_t *rest, size_t size) {
  uint8_t last[2 * BLOCK] = {0};
  const size_t blocks = size + 9 > BLOCK ? 2 : 1;
  memcpy(last, rest, size);
  last[size] = 0x80;
  for (int i = 0; i < 8; i++) {
    last[blocks * BLOCK - 1 - (size_t)i] = (uint8_t)(hash->bytes * 8 >> 8 * i);
  }
  for (size_t i = 0; i < blocks; i++) take_block(hash, last + i * BLOCK);
}

bool sha256_file(const char *path, char hex[SHA256_HEX]) {
  sha256 hash;
  uint8_t bytes[BLOCK * 256];
  size_t size;
  FILE *file = fopen(path, "rb");
  if (!file) return false;
  start(&hash);
  do {
    size = fread(bytes, 1, sizeof bytes, file);
    hash.bytes += size;
    for (size_t i = 0; i + BLOCK <= size; i += BLOCK) take_block(&hash, bytes + i);
  } while (size == sizeof bytes);
  const bool done = !ferror(file);
  finish(&hash, bytes + size / BLOCK * BLOCK, size % BLOCK);
  fclose(file);
  for (int i = 0; i < 8; i++) snprintf(hex + 8 * i, 9, "%08x", hash.state[i]);
  return done;
}
