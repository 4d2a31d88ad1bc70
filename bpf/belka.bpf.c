/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The XDP program: a complete splitter, and the way to the data plane. It is loaded once for each
 * interface, with an xsks_map of its own and all other maps shared.
 *
 * Its name, the name of xsks_map and the version below are what libxdp looks for when a data plane
 * opens its sockets: it then adopts this program instead of attaching its own.
 */

#include "maps.h"
#include "split/classify.h"
#include "split/decide.h"
#include "split/echo.h"
#include "split/forward.h"
#include "split/hash.h"
#include "split/parse.h"

__uint(xsk_prog_version, 1) SEC("xdp_metadata");

/* Set before loading. */
const volatile uint32_t interface_index = 0;
const volatile uint32_t interface_place = 0;
const volatile uint64_t heartbeat_fresh_ns = HEARTBEAT_FRESH_NS;

/* A packet on its way through the program. */
struct passage {
  struct counters* counters;
  uint64_t frame_bytes;
  struct packet packet;
  struct choice choice;
  struct route route;
  uint32_t backend;
};

/* The verdicts of an action, as bits: a switch over all of them costs a dozen branches a packet. */
#define VERDICT_BIT(name, action, help) (1ull << VERDICT_##name) * (ACTION_##action == WANTED) |
static __always_inline int verdict_code(enum verdict verdict) {
#define WANTED ACTION_TX
  const uint64_t sent = VERDICTS(VERDICT_BIT) 0;
#undef WANTED
#define WANTED ACTION_PASS
  const uint64_t passed = VERDICTS(VERDICT_BIT) 0;
#undef WANTED
  if (sent >> verdict & 1) return XDP_TX;
  return passed >> verdict & 1 ? XDP_PASS : XDP_DROP;
}

/* One more packet with this verdict. One program at a time runs on a CPU, so its row has one
 * writer. */
static __always_inline void count(struct counter* counter, const struct passage* passage) {
  counter->packets++;
  counter->bytes += passage->frame_bytes;
}

static __always_inline int finish(struct passage* passage, enum verdict verdict) {
  count(&passage->counters->verdict[verdict & (VERDICT_PLACES - 1)], passage);
  return verdict_code(verdict);
}

/* As finish, for what a service's packet is dropped for. */
static __always_inline int refuse(struct passage* passage, enum verdict verdict) {
  count(&passage->counters->dropped[passage->choice.service & (SERVICES - 1)], passage);
  return finish(passage, verdict);
}

/*
 * What this program knows of a queue's data plane. The clock is the dearest step of all (30 ns),
 * and is not read where the answer is known: a heartbeat once found stale stays so until it beats
 * again, and one found fresh is trusted for a few packets more, as long as the kernel's tick is the
 * same. One CPU at a time serves a queue; should two, they only ask the clock more or less often.
 */
struct watch {
  uint64_t stale_beat_ns;
  uint64_t trusted_jiffy;
  uint64_t trusted_packets; /* left */
  uint64_t unused[5];
};
static struct watch watches[QUEUES];

static __always_inline int is_fresh(struct watch* watch, uint64_t beat_ns) {
  uint64_t jiffy = bpf_jiffies64();
  if (watch->trusted_packets != 0 && watch->trusted_jiffy == jiffy) {
    watch->trusted_packets--;
    return 1;
  }
  if (!heartbeat_is_fresh(beat_ns, bpf_ktime_get_ns(), heartbeat_fresh_ns)) {
    watch->stale_beat_ns = beat_ns;
    return 0;
  }
  watch->trusted_jiffy = jiffy;
  watch->trusted_packets = HEARTBEAT_TRUSTED_PACKETS;
  return 1;
}

/*
 * XDP_REDIRECT if the packet now goes to a data plane that polls its queue. The socket leaves the
 * map with its process; the heartbeat also tells a process that hangs, or is being torn down, from
 * one that works. A redirect that is prepared and not returned has no effect.
 */
static __always_inline int hand_over(const struct xdp_md* context) {
  uint32_t queue = context->rx_queue_index;
  if (queue >= QUEUES) return XDP_ABORTED;
  uint32_t index = interface_place * QUEUES + queue;
  const struct heartbeat* heartbeat = bpf_map_lookup_elem(&heartbeats, &index);
  if (!heartbeat) return XDP_ABORTED;
  uint64_t beat_ns = LOAD_RELAXED(heartbeat->beat_ns);
  struct watch* watch = &watches[queue];
  if (beat_ns == 0 || beat_ns == watch->stale_beat_ns) return XDP_ABORTED;
  if (bpf_redirect_map(&xsks_map, queue, XDP_ABORTED) != XDP_REDIRECT) return XDP_ABORTED;
  return is_fresh(watch, beat_ns) ? XDP_REDIRECT : XDP_ABORTED;
}

/* Rewrites the frame and sends it back out. */
static __always_inline int forward(struct xdp_md* context, struct passage* passage, uint64_t hash) {
  uint32_t room = forward_room_bytes(&passage->packet, &passage->route);
  if (room != 0 && bpf_xdp_adjust_head(context, -(int)room) != 0) {
    return refuse(passage, VERDICT_no_room);
  }
  uint8_t* frame = (uint8_t*)(long)context->data;
  const uint8_t* end = (const uint8_t*)(long)context->data_end;
  if (!forward_write(frame, end, &passage->packet, &passage->route, hash)) {
    return refuse(passage, VERDICT_truncated);
  }
  struct counter* counter = &passage->counters->backend[passage->backend & (BACKENDS - 1)];
  count(counter, passage);
  counter->syns += packet_is_new_connection(&passage->packet);
  return finish(passage, forward_verdict(&passage->route));
}

static __always_inline int split(struct xdp_md* context, struct passage* passage) {
  const struct tables tables = {};
  uint64_t hash = hash_flow(&passage->choice, &passage->packet);
  uint32_t slot = slot_index(&passage->choice, hash);
  uint32_t word = slot_word(&tables, slot);
  passage->backend = slot_current(word);
  if (SPLIT_UNLIKELY(!slot_is_settled(word))) {
    uint64_t own_hash = connection_hash(&passage->choice, &passage->packet, hash);
    struct counters* row = passage->counters;
    passage->backend = decide_steady(&tables, &passage->packet, row, slot, own_hash);
    if (SPLIT_UNLIKELY(passage->backend == 0)) {
      passage->backend = decide_moving(&tables, &passage->packet, row, slot, own_hash);
    }
  }
  const struct backend* backend = backend_at(&tables, passage->backend);
  if (!backend) return refuse(passage, VERDICT_no_backend);
  enum verdict verdict = forward_check(&passage->packet, backend, interface_index, &passage->route);
  if (verdict != VERDICT_none) return refuse(passage, verdict);
  return forward(context, passage, hash);
}

/* An echo request is answered here also where a data plane polls the queue: the answer is the same,
 * and the way shorter. No other packet on this way waits for the clock. */
static __noinline enum verdict answer_echo(struct xdp_md* context, const struct passage* passage) {
  uint8_t* frame = (uint8_t*)(long)context->data;
  const uint8_t* end = (const uint8_t*)(long)context->data_end;
  uint64_t* full_ns = &passage->counters->echo_full_ns;
  return echo_answer(frame, end, &passage->packet, full_ns, bpf_ktime_get_ns());
}

/* A function of its own: what parse finds then stays in memory, where clang would otherwise take
 * all of it through registers past every early return (12 ns a packet). */
static __noinline enum verdict parse_frame(struct xdp_md* context, struct passage* passage) {
  const uint8_t* data = (const uint8_t*)(long)context->data;
  const uint8_t* end = (const uint8_t*)(long)context->data_end;
  passage->frame_bytes = end - data;
  return parse(data, end, passage->frame_bytes, &passage->packet);
}

SEC("xdp")
int xsk_def_prog(struct xdp_md* context) {
  struct passage passage;
  passage.counters = counters_row(bpf_get_smp_processor_id());
  if (!passage.counters) return XDP_ABORTED; /* the daemon makes a row for every possible CPU */
  enum verdict parsed = parse_frame(context, &passage);
  passage.counters->received++;
  passage.counters->received_bytes += passage.frame_bytes;
  const struct tables tables = {};
  enum verdict verdict = classify(&tables, &passage.packet, parsed, &passage.choice);
  if (SPLIT_UNLIKELY(verdict == VERDICT_echo_replied)) {
    verdict = answer_echo(context, &passage);
  }
  if (verdict != VERDICT_none) return finish(&passage, verdict);
  /* All of a fragmented datagram is for one plane, and this one sees fragments without ports too.
   */
  if (!passage.packet.first_fragment && hand_over(context) == XDP_REDIRECT) {
    count(&passage.counters->verdict[VERDICT_redirected], &passage);
    return XDP_REDIRECT;
  }
  return split(context, &passage);
}

char license_text[] SEC("license") = "Dual BSD/GPL";
