/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#pragma once
/*
 * pins: the planes' common memory of connections in moving slots. A bucket is a cache line of eight
 * words; a pin is one word, put in, changed and taken out by compare-and-swap alone, so any number
 * of writers in both planes and the daemon's sweep need no lock, and one that is killed leaves
 * nothing half done.
 *
 * A pin is put in tentative, which no look-up sees; a second look at the bucket finds a twin that
 * another writer put in meanwhile; then it is confirmed. (Plain insertion can leave two pins of one
 * connection which name different backends, if the sweep empties a word between two scans.)
 * A tentative pin names its writer where others name a backend: a writer who was stopped between
 * its second look and its confirmation would otherwise confirm the tentative pin of another, who
 * put the same into the same word since, beside the pin of a third.
 */
#include "split/tables.h"

enum pin_state {
  PIN_TENTATIVE = 0, /* not seen by look-ups; names no backend */
  PIN_HALF_OPEN = 1, /* a SYN was seen, nothing since */
  PIN_OPEN = 2,
  PIN_CLOSING = 3, /* a FIN or RST was seen */
};

enum {
  PIN_STATE_SHIFT = 16, /* below it the backend's number */
  PIN_AGE_SHIFT = 18,
  PIN_IDENTITY_SHIFT = 24, /* tag, 18 bits, and above it the slot, 22 bits */
  PIN_TAG_BITS = 18,
  PIN_AGES = 64,
  /* A difference of ages from here on is one from a plane whose tick is ahead, and counts as 0. */
  PIN_AGE_AHEAD = 56,
};

SPLIT_INLINE uint16_t pin_backend(uint64_t pin) { return (uint16_t)pin; }

SPLIT_INLINE uint32_t pin_state(uint64_t pin) { return (uint32_t)(pin >> PIN_STATE_SHIFT) & 3; }

SPLIT_INLINE uint32_t pin_slot(uint64_t pin) {
  return (uint32_t)(pin >> (PIN_IDENTITY_SHIFT + PIN_TAG_BITS));
}

SPLIT_INLINE uint32_t pin_age(uint64_t pin) {
  return (uint32_t)(pin >> PIN_AGE_SHIFT) & (PIN_AGES - 1);
}

/* Ticks since the pin was last used. */
SPLIT_INLINE uint32_t pin_idle_ticks(uint64_t pin, uint32_t tick) {
  uint32_t difference = (tick - pin_age(pin)) & (PIN_AGES - 1);
  return difference >= PIN_AGE_AHEAD ? 0 : difference;
}

SPLIT_INLINE uint64_t pin_of(uint64_t identity, uint32_t tick, uint32_t state, uint16_t backend) {
  return identity << PIN_IDENTITY_SHIFT | (uint64_t)(tick & (PIN_AGES - 1)) << PIN_AGE_SHIFT |
         (uint64_t)state << PIN_STATE_SHIFT | backend;
}

/* The same pin in this state, used at this tick; its age never goes back. */
SPLIT_INLINE uint64_t pin_used(uint64_t pin, uint32_t tick, uint32_t state) {
  uint32_t age = pin_idle_ticks(pin, tick) == 0 ? pin_age(pin) : tick;
  return pin_of(pin >> PIN_IDENTITY_SHIFT, age, state, pin_backend(pin));
}

/* What a pin is while its writer, a number from 1 that no other writer has now, puts it in. */
SPLIT_INLINE uint64_t pin_tentative(uint64_t pin, uint16_t writer) {
  return pin >> PIN_AGE_SHIFT << PIN_AGE_SHIFT | writer;
}

/* Slot, bucket and tag are of different bits of the connection's hash. */
SPLIT_INLINE uint64_t pin_identity(uint32_t slot, uint64_t hash) {
  return (uint64_t)slot << PIN_TAG_BITS | (hash >> 42 & ((1u << PIN_TAG_BITS) - 1));
}

SPLIT_INLINE uint32_t pin_bucket_of(uint64_t hash) {
  return (uint32_t)(hash >> 22) & (PIN_BUCKETS - 1);
}

/* The word of its bucket where a pin is looked for first, and put if that is free: looks that end
 * at the first word are predicted, so that what follows does not wait for the bucket to be read. */
SPLIT_INLINE uint32_t pin_place(uint64_t identity) {
  return (uint32_t)identity & (PINS_PER_BUCKET - 1);
}

/* 1: the word was `before` and is `after`. Orders everything around it. */
SPLIT_INLINE int pin_swap(uint64_t* pin, uint64_t before, uint64_t after) {
#if defined(__bpf__)
  return __sync_val_compare_and_swap(pin, before, after) == before;
#else
  return __atomic_compare_exchange_n(pin, &before, after, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
#endif
}

/* 1: the word is a pin that look-ups see, of this connection. */
SPLIT_INLINE int pin_is_of(uint64_t pin, uint64_t identity) {
  return pin >> PIN_IDENTITY_SHIFT == identity && pin_state(pin) != PIN_TENTATIVE;
}

/* The connection's pin, and in `at` where it stands; 0 where it has none. */
SPLIT_INLINE uint64_t pin_find(struct pin_bucket* bucket, uint64_t identity, uint64_t** at) {
  uint64_t* first = &bucket->pin[pin_place(identity)];
  uint64_t pin_there = LOAD_RELAXED(*first);
  if (SPLIT_LIKELY(pin_is_of(pin_there, identity))) {
    *at = first;
    return pin_there;
  }
  SPLIT_UNROLL
  for (int i = 0; i < PINS_PER_BUCKET; i++) {
    uint64_t pin = LOAD_RELAXED(bucket->pin[i]);
    if (pin_is_of(pin, identity)) {
      *at = &bucket->pin[i];
      return pin;
    }
  }
  return 0;
}

/* The connection's pin if it is open and was used at this tick, else 0: all of that is one
 * comparison. */
SPLIT_INLINE uint64_t pin_find_open(const struct pin_bucket* bucket, uint64_t identity,
                                    uint32_t tick) {
  uint64_t wanted = pin_of(identity, tick, PIN_OPEN, 0) >> PIN_STATE_SHIFT;
  uint64_t pin = LOAD_RELAXED(bucket->pin[pin_place(identity)]);
  if (SPLIT_LIKELY(pin >> PIN_STATE_SHIFT == wanted)) return pin;
  SPLIT_UNROLL
  for (int i = 0; i < PINS_PER_BUCKET; i++) {
    pin = LOAD_RELAXED(bucket->pin[i]);
    if (pin >> PIN_STATE_SHIFT == wanted) return pin;
  }
  return 0;
}

enum pin_insertion {
  PIN_INSERTED,
  PIN_REFUSED, /* the bucket is full */
  PIN_TWIN,    /* the connection has a pin by now, or others are about to put one in: look again */
  PIN_RETRY,   /* of one attempt: another writer was faster */
};

/*
 * After a tentative pin was put in at `own`: whether it may be confirmed. A confirmed twin wins; of
 * two tentative ones the lower, so that two writers do not take out each other's for ever; but at
 * the last attempt none stays, since its writer may be stopped or dead. PIN_INSERTED: confirm it.
 */
SPLIT_INLINE enum pin_insertion pin_rescan(struct pin_bucket* bucket, uint32_t own,
                                           uint64_t identity, int is_last) {
  SPLIT_UNROLL
  for (uint32_t i = 0; i < PINS_PER_BUCKET; i++) {
    uint64_t pin = LOAD_RELAXED(bucket->pin[i]);
    if (i == own || pin == 0 || pin >> PIN_IDENTITY_SHIFT != identity) continue;
    if (pin_state(pin) != PIN_TENTATIVE) return PIN_TWIN;
    if ((i < own && !is_last) || !pin_swap(&bucket->pin[i], pin, 0)) return PIN_RETRY;
  }
  return PIN_INSERTED;
}

/* The first free word of the bucket, PINS_PER_BUCKET where there is none. */
SPLIT_INLINE uint32_t pin_free_word(const struct pin_bucket* bucket) {
  SPLIT_UNROLL
  for (uint32_t i = 0; i < PINS_PER_BUCKET; i++) {
    if (LOAD_RELAXED(bucket->pin[i]) == 0) return i;
  }
  return PINS_PER_BUCKET;
}

/* One attempt to put `pin` in. Gives an enum pin_insertion. */
SPLIT_PROVEN uint32_t pin_attempt(struct pin_bucket* bucket, uint64_t pin, uint16_t writer,
                                  uint32_t is_last) {
  if (!bucket) return PIN_REFUSED;
  uint64_t tentative = pin_tentative(pin, writer);
  uint32_t own = pin_place(pin >> PIN_IDENTITY_SHIFT);
  if (LOAD_RELAXED(bucket->pin[own]) != 0) {
    own = pin_free_word(bucket);
    if (own >= PINS_PER_BUCKET) return PIN_REFUSED;
  }
  uint64_t* at = &bucket->pin[own];
  if (!pin_swap(at, 0, tentative)) return PIN_RETRY;
  uint32_t found = pin_rescan(bucket, own, pin >> PIN_IDENTITY_SHIFT, is_last);
  if (found == PIN_INSERTED && pin_swap(at, tentative, pin)) return PIN_INSERTED;
  if (found == PIN_INSERTED) return PIN_RETRY;
  pin_swap(at, tentative, 0);
  return found;
}

/*
 * Puts `pin`, which is in a state but tentative, into the bucket, where its connection had none.
 * Gives an enum pin_insertion but PIN_RETRY. Four attempts, written one after another: clang laid
 * them out as a loop that falls through to its head (SPLIT_UNROLL), and does not unroll it.
 */
SPLIT_PROVEN uint32_t pin_insert(struct pin_bucket* bucket, uint64_t pin, uint16_t writer) {
  uint32_t found = pin_attempt(bucket, pin, writer, 0);
  if (SPLIT_UNLIKELY(found == PIN_RETRY)) found = pin_attempt(bucket, pin, writer, 0);
  if (SPLIT_UNLIKELY(found == PIN_RETRY)) found = pin_attempt(bucket, pin, writer, 0);
  if (SPLIT_UNLIKELY(found == PIN_RETRY)) found = pin_attempt(bucket, pin, writer, 1);
  return found == PIN_RETRY ? (uint32_t)PIN_TWIN : found;
}

/* Takes a pin out again, unless somebody has used it since. 1: it was there. */
SPLIT_PROVEN uint32_t pin_take_out(struct pin_bucket* bucket, uint64_t pin) {
  if (!bucket) return 0;
  SPLIT_UNROLL
  for (uint32_t i = 0; i < PINS_PER_BUCKET; i++) {
    if (LOAD_RELAXED(bucket->pin[i]) == pin) return pin_swap(&bucket->pin[i], pin, 0);
  }
  return 0;
}
