/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#pragma once
/*
 * SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012; one compression and
 * three finalization rounds) in the form of steps over 64-bit lanes. The steps are macros so that
 * the same text works on one uint64_t and on a vector of them: the data plane hashes a burst side
 * by side.
 */
#include "split/portable.h"

#define SIPHASH_ROTATE(x, bits) ((x) << (bits) | (x) >> (64 - (bits)))

#define SIPHASH_ROUND(v)                          \
  do {                                            \
    (v)[0] += (v)[1];                             \
    (v)[2] += (v)[3];                             \
    (v)[1] = SIPHASH_ROTATE((v)[1], 13) ^ (v)[0]; \
    (v)[3] = SIPHASH_ROTATE((v)[3], 16) ^ (v)[2]; \
    (v)[0] = SIPHASH_ROTATE((v)[0], 32);          \
    (v)[2] += (v)[1];                             \
    (v)[0] += (v)[3];                             \
    (v)[1] = SIPHASH_ROTATE((v)[1], 17) ^ (v)[2]; \
    (v)[3] = SIPHASH_ROTATE((v)[3], 21) ^ (v)[0]; \
    (v)[2] = SIPHASH_ROTATE((v)[2], 32);          \
  } while (0)

#define SIPHASH_BEGIN(v, key0, key1)         \
  do {                                       \
    (v)[0] = (key0) ^ 0x736f6d6570736575ull; \
    (v)[1] = (key1) ^ 0x646f72616e646f6dull; \
    (v)[2] = (key0) ^ 0x6c7967656e657261ull; \
    (v)[3] = (key1) ^ 0x7465646279746573ull; \
  } while (0)

/* One 64-bit block of the message: its eight bytes as a little-endian number. */
#define SIPHASH_WORD(v, word) \
  do {                        \
    (v)[3] ^= (word);         \
    SIPHASH_ROUND(v);         \
    (v)[0] ^= (word);         \
  } while (0)

/* After the last block, which has the message's length modulo 256 in its top byte. */
#define SIPHASH_END(v, hash)                    \
  do {                                          \
    (v)[2] ^= 0xff;                             \
    SIPHASH_ROUND(v);                           \
    SIPHASH_ROUND(v);                           \
    SIPHASH_ROUND(v);                           \
    (hash) = (v)[0] ^ (v)[1] ^ (v)[2] ^ (v)[3]; \
  } while (0)
