/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#pragma once
/*
 * decide: from a hash to a backend. A settled slot says it with one read. In a slot that moves, a
 * connection's pin says it, and for a connection that has none the slot and the packet do: a SYN
 * goes to the slot's current backend, whatever else to its default, and where it must be remembered
 * a pin is put in.
 *
 * What it holds on to: each slot has one default backend, every live connection without a pin is on
 * it, and a pin names the backend of its connection. So every answer to a packet without a pin that
 * leaves none is the default.
 */
#include "split/classify.h"
#include "split/hash.h"
#include "split/pins.h"
#include "split/tables.h"

enum {
  DECIDE_TRIES = 4, /* looks at a bucket in which others are at work */
  /* A SYN of a connection whose pin was used at most so many ticks ago is a retransmission. (With
   * 1, one that spans two ticks would be taken for a new connection.) */
  SYN_FOLLOWS_TICKS = 2,
  DECIDED_BACKEND = 0xffff,
  DECIDED_AGAIN = 1 << 16, /* a pin was put in or refused: the slot has to be looked at again */
  DECIDED_REFUSED = 1 << 17,
};

/* The slot's index among all slots. */
SPLIT_INLINE uint32_t slot_index(const struct choice* choice, uint64_t hash) {
  return choice->slot_base + ((uint32_t)hash & choice->slot_mask);
}

/* The slot's word; of no slot, that of one without a backend. */
SPLIT_INLINE uint32_t slot_word(const struct tables* tables, uint32_t slot) {
  const uint32_t* word = slot_at(tables, slot);
  return word ? LOAD_RELAXED(*word) : 0;
}

SPLIT_INLINE uint32_t tick_now(const struct tables* tables) {
  const struct node* node = node_at(tables);
  return node ? LOAD_RELAXED(node->tick) : 0;
}

SPLIT_INLINE int backend_is_down(const struct tables* tables, uint16_t number) {
  const struct backend* backend = backend_at(tables, number);
  return backend && (LOAD_RELAXED(backend->down) & BACKEND_DOWN) != 0;
}

/* What pins know connections by: their own hash, also where the service deals out whole sources. */
SPLIT_INLINE uint64_t connection_hash(const struct choice* choice, const struct packet* packet,
                                      uint64_t hash) {
  return choice->source_bits == 0 ? hash : hash_five_tuple(choice->hash_key, packet);
}

/* The state of a pin after a packet that is no SYN; `state` is the one before. */
SPLIT_INLINE uint32_t pin_state_after(const struct packet* packet, uint32_t state) {
  if (packet->tcp_flags & (TCP_FIN | TCP_RST)) return PIN_CLOSING;
  return state == PIN_CLOSING ? PIN_CLOSING : PIN_OPEN;
}

SPLIT_INLINE int pin_follows_syn(uint64_t pin, uint32_t tick) {
  return pin_state(pin) == PIN_HALF_OPEN ||
         (pin_state(pin) != PIN_CLOSING && pin_idle_ticks(pin, tick) <= SYN_FOLLOWS_TICKS);
}

/* A packet of which nothing follows: the client answers nobody, or ends what it does not have. */
SPLIT_INLINE int leaves_no_pin(const struct packet* packet) {
  const uint8_t syn_ack = TCP_SYN | TCP_ACK;
  return packet->tcp_flags & TCP_RST || (packet->tcp_flags & syn_ack) == syn_ack;
}

/* What becomes of the pin of a connection with this packet; 0: it goes. */
SPLIT_INLINE uint64_t pin_after(uint64_t pin, const struct packet* packet, uint32_t word,
                                uint32_t tick) {
  if (!packet_is_new_connection(packet)) {
    return pin_used(pin, tick, pin_state_after(packet, pin_state(pin)));
  }
  if (pin_follows_syn(pin, tick)) return pin_used(pin, tick, pin_state(pin));
  if (slot_draining(word) == SLOT_LOOK || slot_current(word) == 0) return 0;
  return pin_of(pin >> PIN_IDENTITY_SHIFT, tick, PIN_HALF_OPEN, slot_current(word));
}

/* What a decision is made by: the slot's word, the tick (of which pins know six bits), the writer
 * of pins. */
SPLIT_INLINE uint64_t seen_of(uint32_t word, uint32_t tick, uint16_t writer) {
  return word | (uint64_t)(tick & 0xffff) << 32 | (uint64_t)writer << 48;
}

SPLIT_INLINE uint32_t seen_tick(uint64_t seen) { return seen >> 32 & 0xffff; }

SPLIT_INLINE uint16_t seen_writer(uint64_t seen) { return (uint16_t)(seen >> 48); }

/* The pin of a connection that had none. */
SPLIT_INLINE uint64_t pin_begun(uint64_t identity, const struct packet* packet, uint32_t tick,
                                uint16_t backend) {
  int is_new = packet_is_new_connection(packet);
  uint32_t state = is_new ? (uint32_t)PIN_HALF_OPEN : pin_state_after(packet, PIN_OPEN);
  return pin_of(identity, tick, state, backend);
}

/* For a connection without a pin. */
SPLIT_INLINE uint32_t decide_unpinned(struct pin_bucket* bucket, uint64_t identity,
                                      const struct packet* packet, uint64_t seen) {
  uint32_t word = (uint32_t)seen;
  if (slot_draining(word) == SLOT_LOOK || leaves_no_pin(packet)) return slot_default(word);
  int is_new = packet_is_new_connection(packet);
  uint16_t backend = is_new ? slot_current(word) : slot_default(word);
  if (backend == 0) return 0;
  uint64_t pin = pin_begun(identity, packet, seen_tick(seen), backend);
  switch (pin_insert(bucket, pin, seen_writer(seen))) {
    case PIN_INSERTED:
      return backend | DECIDED_AGAIN;
    case PIN_TWIN:
      return DECIDED_AGAIN; /* and no backend: look for it */
    default:
      return slot_default(word) | DECIDED_AGAIN | DECIDED_REFUSED;
  }
}

/*
 * A decision by `seen`, with DECIDED_AGAIN and DECIDED_REFUSED. The decided backend is 0 where none
 * is to be had.
 */
SPLIT_PROVEN uint32_t decide_by(const struct tables* tables, struct pin_bucket* bucket,
                                uint64_t identity, const struct packet* packet, uint64_t seen) {
  uint32_t word = (uint32_t)seen;
  uint32_t tick = seen_tick(seen);
  uint32_t followed = 0;
  if (!bucket || !packet) return slot_default(word);
  for (int look = 0; look < DECIDE_TRIES; look++) {
    uint64_t* at = 0;
    uint64_t pin = pin_find(bucket, identity, &at);
    if (pin != 0 && backend_is_down(tables, pin_backend(pin))) {
      pin_swap(at, pin, 0);
      pin = 0;
    }
    if (packet->kind == PACKET_ICMP_ERROR) return pin ? pin_backend(pin) : slot_default(word);
    if (pin == 0) {
      uint32_t decided = decide_unpinned(bucket, identity, packet, seen);
      if (decided != DECIDED_AGAIN) return decided;
      continue;
    }
    uint64_t next = pin_after(pin, packet, word, tick);
    followed = next == 0 ? slot_current(word) : pin_backend(next);
    if (next == pin || pin_swap(at, pin, next)) return followed;
  }
  /* Others changed the pin each time; it was there, and they know of the connection. */
  return followed ? followed : slot_default(word) | DECIDED_AGAIN | DECIDED_REFUSED;
}

/* The tick first, and both before the slot is read again: the daemon, which is about to make
 * another backend the slot's default, sees either that its word was not read yet, or that the count
 * grew. */
SPLIT_INLINE void count_refusal(struct counters* row, uint32_t tick) {
  STORE_RELAXED(row->pins_refused_tick, (uint64_t)tick + 1);
  ADD_ORDERED(row->pins_refused, 1);
}

/*
 * The backend of a packet whose slot is not settled; 0 where none serves it. `bucket` is
 * pin_bucket_of(hash)'s, `hash` the connection's own (connection_hash), `row` the caller's,
 * `seen` the slot's word and above it the tick, as read just now.
 *
 * After a pin was put in or refused, slot and tick are read again: if the daemon changed the slot
 * meanwhile, its sweep may have passed by already, so the pin is taken out and the decision made
 * once more. Another's pin stays, and so does one that others have used since: a plane that was
 * stopped for long would otherwise break the connection that they serve.
 */
SPLIT_INLINE uint16_t decide_in_bucket(const struct tables* tables, struct pin_bucket* bucket,
                                       const struct packet* packet, struct counters* row,
                                       uint32_t slot, uint64_t hash, uint64_t seen) {
  uint64_t identity = pin_identity(slot, hash);
  uint32_t word = (uint32_t)seen;
  uint32_t tick = (uint32_t)(seen >> 32);
  uint16_t writer = pin_writer(tables, row);
  uint32_t decided = slot_current(word);
  for (int look = 0; look < 2; look++) {
    if (slot_is_settled(word)) return slot_current(word);
    if (slot_draining(word) != SLOT_LOOK) STORE_RELAXED(row->pinning, row->pinning + 1);
    decided = decide_by(tables, bucket, identity, packet, seen_of(word, tick, writer));
    if (decided & DECIDED_REFUSED) count_refusal(row, tick);
    if (!(decided & DECIDED_AGAIN) || look == 1) break;
    uint32_t word_now = slot_word(tables, slot);
    uint32_t tick_then = tick;
    tick = tick_now(tables);
    if (word_now == word && tick - tick_then <= 1) break;
    if (!(decided & DECIDED_REFUSED)) {
      pin_take_out(bucket, pin_begun(identity, packet, tick_then, (uint16_t)decided));
    }
    word = word_now;
  }
  return (uint16_t)decided;
}

/*
 * What decide_in_bucket says of an open connection that has its pin, used in this tick, where the
 * packet changes nothing: nearly every packet of a slot that moves. 0: anything else, nothing was
 * done.
 */
SPLIT_INLINE uint16_t decide_steady_in(const struct tables* tables, struct pin_bucket* bucket,
                                       const struct packet* packet, struct counters* row,
                                       uint32_t slot, uint64_t hash, uint64_t seen) {
  uint32_t word = (uint32_t)seen;
  if (slot_is_settled(word) || packet->kind != PACKET_FLOW) return 0;
  if (packet->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST)) return 0;
  uint64_t pin = pin_find_open(bucket, pin_identity(slot, hash), (uint32_t)(seen >> 32));
  if (pin == 0 || backend_is_down(tables, pin_backend(pin))) return 0;
  if (slot_draining(word) != SLOT_LOOK) STORE_RELAXED(row->pinning, row->pinning + 1);
  return pin_backend(pin);
}

#if defined(__bpf__)
#define STEADY_INLINE SPLIT_ASIDE /* its stack is then not added to that of decide_moving */
#else
#define STEADY_INLINE SPLIT_INLINE
#endif

/* To be asked before decide_moving, which is to be asked where this gives 0. */
STEADY_INLINE uint16_t decide_steady(const struct tables* tables, const struct packet* packet,
                                     struct counters* row, uint32_t slot, uint64_t hash) {
  struct pin_bucket* bucket = pins_at(tables, pin_bucket_of(hash));
  if (!bucket || !packet || !row) return 0;
  uint64_t seen = slot_word(tables, slot) | (uint64_t)tick_now(tables) << 32;
  return decide_steady_in(tables, bucket, packet, row, slot, hash, seen);
}

SPLIT_ASIDE uint16_t decide_moving(const struct tables* tables, const struct packet* packet,
                                   struct counters* row, uint32_t slot, uint64_t hash) {
  struct pin_bucket* bucket = pins_at(tables, pin_bucket_of(hash));
  if (!bucket || !row) return 0;
  uint64_t seen = slot_word(tables, slot) | (uint64_t)tick_now(tables) << 32;
  return decide_in_bucket(tables, bucket, packet, row, slot, hash, seen);
}
