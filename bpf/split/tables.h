/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#pragma once
/*
 * The tables that both planes and the daemon share: BPF array maps (BPF_F_MMAPABLE) pinned in
 * bpffs, or one file laid out the same way. This is their one definition; whoever attaches checks
 * the layout version first.
 *
 * Each field says who may touch it: d the daemon, x the XDP program, p the data plane; "d: w, xp:
 * r" means that the daemon writes and both planes read. A word with one writer is stored whole, so
 * a reader sees the old or the new value and nothing between.
 */
#include "split/portable.h"
#include "split/verdict.h"

enum {
  LAYOUT_VERSION = 2,
  SERVICES = 1024,
  SERVICE_TABLE = 8192, /* places of the open-addressed VIP table: at most a quarter are taken */
  SERVICE_PROBES = 16,  /* the daemon places no entry further than this from its home */
  SLOTS = 4194304,      /* of all services together */
  SLOTS_PER_LINE = 16,
  SINCE_PER_LINE = 32,
  PIN_BUCKETS = 1048576, /* 64 MiB; two million pins are refused a place once in 10,000 times */
  PINS_PER_BUCKET = 8,
  BACKENDS = 65536, /* places; number 0 means "no backend", numbers end below SLOT_HOLD */
  BACKENDS_MAX = 65000,
  POOLS = 16, /* of one service */
  INTERFACES = 16,
  QUEUES = 256, /* of one interface */
  SERVICE_NAME_BYTES = 64,
  POOL_NAME_BYTES = 32,
  INTERFACE_NAME_BYTES = 16,
};

/* ---------------------------------------------------------------------------------------- services
 */

enum {
  PLACE_EMPTY = 0,        /* ends a probe */
  PLACE_TOMBSTONE = 0xff, /* was taken: a probe goes on */
};

/* An address on the wire, as two little-endian words; IPv4 stands in the low half of the first. */
struct wire_address {
  uint64_t low, high;
};

/* What a lookup asks for: an address and its family, protocol and destination port, wire order.
 * Port 0 stands for all ports of a protocol; protocol 0 and port 0 only say that the address is a
 * VIP. */
struct service_key {
  struct wire_address vip;
  uint32_t port_protocol_family; /* port (wire order) | protocol << 16 | family (4 or 6) << 24 */
};

/*
 * One place of the VIP table. d: w, xp: r.
 * The daemon writes a place only while it is empty or a tombstone: generation_before, the fields,
 * generation_after, then port_protocol_family, whose store makes it reachable (its load in
 * service_find pairs with that). A reader who was stopped between its two looks while the place was
 * taken away and given to another service sees two different generations, and looks again.
 */
struct service_entry {
  uint32_t generation_before;
  uint32_t port_protocol_family; /* PLACE_EMPTY, or family PLACE_TOMBSTONE, or a key: see above */
  struct wire_address vip;
  uint64_t hash_key[2]; /* the service's secret for SipHash */
  uint32_t slot_base;
  uint32_t slot_mask;  /* slots of the ring, less one */
  uint16_t service;    /* number, below SERVICES */
  uint8_t source_bits; /* 0: hash the five-tuple; else only so many leading bits of the source */
  uint8_t reserved;
  uint32_t unused[2];
  uint32_t generation_after;
};

SPLIT_ASSERT(sizeof(struct service_entry) == 64, "a service entry is a cache line");

/* ------------------------------------------------------------------------------------------- slots
 */

/*
 * A slot is one word, current | draining << 16. One aligned store changes it. d: w, xp: r.
 *
 *   {c, c}     settled: every packet goes to c, and nothing else is looked at
 *   {c, d}     opening, since a change: new connections go to c, all others to d, where no pin says
 *              otherwise; both are pinned
 *   {c, HOLD}  about to change: what has no pin goes to c, and is pinned
 *   {c, LOOK}  pins are followed, and no more are made: what has none goes to c
 *
 * Of a slot's connections without a pin all go to one backend, its default.
 */
enum {
  SLOT_HOLD = 0xfffe, /* numbers from here on are not backends */
  SLOT_LOOK = 0xffff,
};

SPLIT_INLINE uint32_t slot_of(uint16_t current, uint16_t draining) {
  return current | (uint32_t)draining << 16;
}

SPLIT_INLINE uint32_t slot_settled(uint16_t backend) { return slot_of(backend, backend); }

SPLIT_INLINE uint16_t slot_current(uint32_t slot) { return (uint16_t)slot; }

/* A backend, SLOT_HOLD or SLOT_LOOK. */
SPLIT_INLINE uint16_t slot_draining(uint32_t slot) { return (uint16_t)(slot >> 16); }

SPLIT_INLINE int slot_is_settled(uint32_t slot) { return slot_current(slot) == slot >> 16; }

SPLIT_INLINE int slot_is_opening(uint32_t slot) {
  return slot >> 16 < SLOT_HOLD && !slot_is_settled(slot);
}

SPLIT_INLINE uint16_t slot_default(uint32_t slot) {
  return slot >> 16 < SLOT_HOLD ? slot_draining(slot) : slot_current(slot);
}

/* ------------------------------------------------------------------------------------------- pins
 */

/* One connection of a moving slot each (pins.h). xp: w, d: w (its sweep), all by compare-and-swap;
 * 0: free. */
struct pin_bucket {
  uint64_t pin[PINS_PER_BUCKET];
};

SPLIT_ASSERT(sizeof(struct pin_bucket) == 64, "a bucket is a cache line");

/* ---------------------------------------------------------------------------------------- backends
 */

enum backend_state { BACKEND_FREE = 0, BACKEND_UNRESOLVED = 1, BACKEND_READY = 2 };
enum forward_mode { FORWARD_L2 = 0, FORWARD_IPIP = 1 };

/* MAC address and state change together: one 64-bit store, one 64-bit load. */
union next_hop {
  struct {
    uint8_t mac[6];
    uint8_t state; /* enum backend_state */
    uint8_t mode;  /* enum forward_mode */
  } part;
  uint64_t word;
};

/* d: w, xp: r. A number is given to another backend only after a grace period. */
struct backend {
  union next_hop next_hop;
  uint8_t source_mac[6]; /* of the interface */
  uint16_t mtu;          /* towards the backend, in bytes of IP packet */
  uint8_t address[16];   /* wire order; IPv4 in the first four */
  uint8_t outer_source[16];
  uint32_t ifindex; /* the interface that its next hop is on */
  uint16_t service;
  uint8_t pool;    /* index in service_info.pools; 0 is prod */
  uint8_t family;  /* 4 or 6 */
  uint32_t weight; /* daemon only */
  uint8_t down;    /* enum backend_down, or-ed */
  /* The rest is the daemon's own. */
  uint8_t retired;  /* 1: no slot names it any more; it stays until no plane can hold its number */
  uint8_t draining; /* 1: not in the configuration any more; slots or pins still name it */
  uint8_t admin;    /* what an operator said: enum backend_admin */
};

enum backend_down {
  BACKEND_DOWN = 1,      /* its pins count as none, and no slot names it */
  BACKEND_UNHEALTHY = 2, /* its checks fail; its pool may use it all the same */
};

enum backend_admin { BACKEND_ENABLED = 0, BACKEND_DRAINED = 1, BACKEND_DISABLED = 2 };

SPLIT_ASSERT(sizeof(struct backend) == 64, "a backend is a cache line");

/* ---------------------------------------------------------------------------------------- counters
 */

struct counter {
  uint64_t packets;
  uint64_t bytes; /* of frames as received, without FCS */
  uint64_t syns;  /* TCP SYN without ACK: new connections, and their retransmissions */
  uint64_t reserved;
};

/*
 * One row for each writer: the XDP program on one CPU, or one lcore of the data plane. Plain stores
 * by that writer, relaxed loads by the daemon, which sums rows and takes differences. Nothing
 * resets them.
 */
struct counters {
  uint64_t received;
  uint64_t received_bytes;
  uint64_t pinning;           /* packets of slots in which pins are made; counted before that */
  uint64_t pins_refused;      /* those for which a bucket had no place */
  uint64_t pins_refused_tick; /* of the last of them, plus 1; 0: none ever */
  uint64_t echo_full_ns;      /* the writer's own, of its replies to echo requests (echo.h) */
  uint64_t reserved[2];
  struct counter verdict[VERDICT_PLACES];
  struct counter dropped[SERVICES]; /* packets of a service that were neither sent nor redirected */
  struct counter backend[BACKENDS]; /* packets sent to it */
};

SPLIT_ASSERT(sizeof(struct counters) % 64 == 0, "rows of two writers must not share a cache line");

/* ------------------------------------------------------------------------- interfaces and
 * heartbeats */

/* d: w, p: r. The place of an interface, its number here, is compiled into its XDP program. */
struct interface_entry {
  uint32_t ifindex; /* 0: free */
  uint32_t queues;
  char name[INTERFACE_NAME_BYTES];
  uint8_t mac[6];
  uint8_t native; /* 1: XDP in the driver, 0: generic XDP */
  uint8_t reserved[33];
};

SPLIT_ASSERT(sizeof(struct interface_entry) == 64, "an interface entry is a cache line");

/*
 * At interface place × QUEUES + queue. p: w (only the lcore that polls the queue), x: r.
 * CLOCK_MONOTONIC in ns at the end of the last full round of receive and transmit, but for a burst
 * that waits for memory until the next; 0: nobody polls.
 */
struct heartbeat {
  uint64_t beat_ns;
  uint64_t reserved[7];
};

enum {
  HEARTBEAT_FRESH_NS = 1000000, /* where belkad is not told otherwise (--heartbeat) */
  /* A data plane that hangs takes at most so many packets of a queue with it, beside those of the
   * time after which its heartbeat is stale. */
  HEARTBEAT_TRUSTED_PACKETS = 3,
};

/*
 * Whether a heartbeat, which is not 0, stands for a plane that polls: it is younger than
 * `fresh_ns`. It may be as far ahead of `now_ns`: another CPU stored it since the clock was read.
 * One that is further ahead is of another clock (a time namespace), and would count as fresh for
 * ever.
 */
SPLIT_INLINE int heartbeat_is_fresh(uint64_t beat_ns, uint64_t now_ns, uint64_t fresh_ns) {
  return now_ns - beat_ns + fresh_ns < 2 * fresh_ns;
}

/* -------------------------------------------------------------------------------- node,
 * service_info */

/* d: w, everybody reads. */
struct node {
  uint32_t layout_version; /* stored last when tables are made */
  uint32_t counter_rows;   /* all; the data plane's lcore n writes row xdp_rows + n */
  uint32_t xdp_rows;
  uint32_t tick;       /* grows by one, never sooner than tick_ms after the last time */
  uint64_t generation; /* of the last change that is whole */
  uint32_t tick_ms;
  uint32_t unused[9];
};

SPLIT_ASSERT(sizeof(struct node) == 64, "the node entry is a cache line");

/* Who answers the slots of a pool. */
enum pool_fallback {
  POOL_ITSELF = 0,
  POOL_PROD = 1,    /* too few of its backends are up */
  POOL_REFUSE = 2,  /* so: nobody */
  POOL_USE_ALL = 3, /* so: all of its backends, up or not */
};

struct pool_info {
  char name[POOL_NAME_BYTES]; /* empty: no such pool */
  uint32_t share_ppm;         /* wanted */
  uint32_t slots;             /* in force */
  uint32_t match;             /* 1: as many slots as the canary */
  uint32_t fallback;          /* in force: enum pool_fallback */
};

/* What the daemon must find again after a restart and `explain` shows. d: w, planes do not read it.
 */
struct service_info {
  char name[SERVICE_NAME_BYTES]; /* empty: the number is free */
  uint32_t port_protocol_family; /* as in service_entry */
  uint32_t slot_base;
  struct wire_address vip;
  uint32_t slots;
  uint32_t pools;
  uint8_t source_bits;
  uint8_t mode;     /* enum forward_mode */
  uint8_t draining; /* 1: not in the configuration any more, but connections are kept */
  uint8_t reserved;
  uint32_t idle_ms;        /* a connection that was silent for longer need not be kept */
  uint32_t drain_limit_ms; /* how long a change keeps connections elsewhere; 0: while they live */
  uint8_t unused[20];
  struct pool_info pool[POOLS];
};

SPLIT_ASSERT(sizeof(struct service_info) == 128 + POOLS * 48, "no hidden padding");

/* ------------------------------------------------------------------------------------- reaching
 * them */

/*
 * How a program holds the tables. In the XDP program the maps are globals and this is empty;
 * elsewhere it is where they are mapped. The functions mask every index at the load, so that no
 * packet and no table can lead outside.
 */
#if defined(__bpf__)
struct tables {
  int unused;
};
/* service_at, slot_at, backend_at, pins_at, node_at, pin_writer: beside the maps, in maps.h */
#else
struct tables {
  struct service_entry* services;     /* SERVICE_TABLE */
  uint32_t* slots;                    /* SLOTS */
  struct backend* backends;           /* BACKENDS */
  struct counters* counters;          /* node->counter_rows */
  struct heartbeat* heartbeats;       /* INTERFACES × QUEUES */
  struct interface_entry* interfaces; /* INTERFACES */
  struct service_info* service_info;  /* SERVICES */
  struct node* node;
  struct pin_bucket* pins; /* PIN_BUCKETS */
  uint16_t* since;         /* SLOTS: the tick at which a slot began to open, modulo 65,536 (d: w) */
};

SPLIT_INLINE const struct service_entry* service_at(const struct tables* tables, uint32_t index) {
  return &tables->services[index & (SERVICE_TABLE - 1)];
}

SPLIT_INLINE const uint32_t* slot_at(const struct tables* tables, uint32_t index) {
  return &tables->slots[index & (SLOTS - 1)];
}

SPLIT_INLINE const struct backend* backend_at(const struct tables* tables, uint32_t index) {
  return &tables->backends[index & (BACKENDS - 1)];
}

SPLIT_INLINE struct pin_bucket* pins_at(const struct tables* tables, uint32_t index) {
  return &tables->pins[index & (PIN_BUCKETS - 1)];
}

SPLIT_INLINE const struct node* node_at(const struct tables* tables) { return tables->node; }

/* The number, from 1, of the writer whose row this is. */
SPLIT_INLINE uint16_t pin_writer(const struct tables* tables, const struct counters* row) {
  return (uint16_t)(row - tables->counters + 1);
}
#endif
