// SPDX-License-Identifier: Apache-2.0
#include "dataplane/burst.h"

#include <rte_prefetch.h>

#include <algorithm>
#include <cstring>

#include "split/classify.h"
#include "split/decide.h"
#include "split/echo.h"
#include "split/forward.h"
#include "split/hash.h"
#include "split/parse.h"

namespace belka {
namespace {

/// Asks for the packets' first bytes.
void receive(rte_mbuf* const* packets, uint32_t count) {
#pragma GCC unroll 4
  for (uint32_t i = 0; i < count; i++) rte_prefetch0(rte_pktmbuf_mtod(packets[i], const uint8_t*));
}

/// Puts the packet's five-tuple into its lane. 1: it is IPv6.
uint32_t fill_lane(HashLanes& lanes, uint32_t lane, const struct choice& choice,
                   const struct packet& packet) {
  lanes.key[0][lane] = choice.hash_key[0];
  lanes.key[1][lane] = choice.hash_key[1];
  if (packet.family == IPV4) {
    lanes.block[0][lane] = HASH_IPV4_FIRST(&packet);
    return 0;
  }
  lanes.block[0][lane] = packet.address[0];
  lanes.block[1][lane] = packet.address[1];
  lanes.block[2][lane] = HASH_IPV6_LAST(&packet);
  return 1;
}

/// Packets of services that hash the source alone: one by one.
[[gnu::noinline]] void hash_by_source(Burst& burst, uint32_t place, const struct choice& choice) {
  burst.by_source[burst.by_source_count] = static_cast<uint8_t>(place);
  burst.by_source_hash[burst.by_source_count++] = hash_flow(&choice, &burst.passage[place].packet);
}

/// The verdict of an echo request to a VIP; its reply is the next to be sent. Whoever reads the
/// clock does so now and then, so that no packet pays for it.
[[gnu::noinline]] enum verdict answer_echo(Burst& burst, struct counters* row, rte_mbuf* mbuf,
                                           const struct packet& packet) {
  auto* frame = rte_pktmbuf_mtod(mbuf, uint8_t*);
  const enum verdict verdict =
      echo_answer(frame, frame + mbuf->data_len, &packet, &row->echo_full_ns, burst.now_ns);
  if (verdict == VERDICT_echo_replied) burst.transmit[burst.echo_count++] = mbuf;
  return verdict;
}

/// Parses and classifies in one loop: the entries of services in use are few and stay in the cache,
/// and to ask for them first costs more (their places are computed twice, 7 cycles) than it saves.
void classify_all(Burst& burst, const struct tables* tables, struct counters* row,
                  rte_mbuf* const* packets, uint32_t count) {
  Passage* passage = burst.passage;
  Passage* stranger = burst.passage + kBurstPackets;
  uint32_t found = 0, ipv6_count = 0;
  uint64_t received_bytes = 0;
  burst.echo_count = burst.by_source_count = 0;
  for (uint32_t i = 0; i < count; i++) {
    rte_mbuf* mbuf = packets[i];
    const uint8_t* data = rte_pktmbuf_mtod(mbuf, const uint8_t*);
    const uint32_t frame_bytes = mbuf->pkt_len;
    received_bytes += frame_bytes;
    struct choice choice {};
    enum verdict verdict = parse(data, data + mbuf->data_len, frame_bytes, &passage->packet);
    verdict = classify(tables, &passage->packet, verdict, &choice);
    if (SPLIT_UNLIKELY(verdict != VERDICT_none)) {
      if (verdict == VERDICT_echo_replied) verdict = answer_echo(burst, row, mbuf, passage->packet);
      stranger--;
      stranger->mbuf = mbuf;
      stranger->frame_bytes = frame_bytes;
      stranger->verdict = static_cast<uint8_t>(verdict);
      continue;
    }
    passage->mbuf = mbuf;
    passage->frame_bytes = frame_bytes;
    passage->slot_base = choice.slot_base;
    passage->slot_mask = choice.slot_mask;
    passage->service = choice.service;
    ipv6_count += fill_lane(burst.lanes, found, choice, passage->packet);
    if (SPLIT_UNLIKELY(choice.source_bits != 0)) hash_by_source(burst, found, choice);
    passage++;
    found++;
  }
  burst.received_bytes = received_bytes;
  burst.found = static_cast<uint16_t>(found);
  burst.ipv6_count = static_cast<uint16_t>(ipv6_count);
  burst.strangers = static_cast<uint16_t>(stranger - burst.passage);
}

/// Both families in one burst: both are hashed, and each lane takes its own.
void hash_both_families(Burst& burst) {
  alignas(64) uint64_t ipv4_hash[kBurstPackets];
  hash_lanes_ipv4(burst.lanes, burst.found);
  std::memcpy(ipv4_hash, burst.lanes.hash, sizeof ipv4_hash);
  hash_lanes_ipv6(burst.lanes, burst.found);
  for (uint32_t i = 0; i < burst.found; i++) {
    if (burst.passage[i].packet.family == IPV4) burst.lanes.hash[i] = ipv4_hash[i];
  }
}

void hash_all(Burst& burst) {
  if (burst.ipv6_count == 0) {
    hash_lanes_ipv4(burst.lanes, burst.found);
  } else if (burst.ipv6_count == burst.found) {
    hash_lanes_ipv6(burst.lanes, burst.found);
  } else {
    hash_both_families(burst);
  }
  for (uint32_t i = 0; i < burst.by_source_count; i++) {
    burst.lanes.hash[burst.by_source[i]] = burst.by_source_hash[i];
  }
}

void find_slots(Burst& burst, const struct tables* tables) {
  const uint32_t found = burst.found;
#pragma GCC unroll 4
  for (uint32_t i = 0; i < found; i++) {
    Passage& passage = burst.passage[i];
    struct choice choice {};
    choice.slot_base = passage.slot_base;
    choice.slot_mask = passage.slot_mask;
    passage.slot = slot_index(&choice, burst.lanes.hash[i]);
    rte_prefetch0(slot_at(tables, passage.slot));
  }
}

/// What pins know the packet's connection by.
uint64_t own_hash(const Burst& burst, uint32_t place) {
  if (SPLIT_LIKELY(burst.by_source_count == 0)) return burst.lanes.hash[place];
  const uint8_t* const end = burst.by_source + burst.by_source_count;
  if (std::find(burst.by_source, end, place) == end) return burst.lanes.hash[place];
  const uint64_t key[2] = {burst.lanes.key[0][place], burst.lanes.key[1][place]};
  return hash_five_tuple(key, &burst.passage[place].packet);
}

void ask_for_bucket(const Burst& burst, const struct tables* tables, uint32_t which) {
  rte_prefetch1(pins_at(tables, pin_bucket_of(burst.moving_hash[which])));
}

/// Packets of slots that are not settled, in order of arrival; their buckets were asked for. Those
/// of the next burst are, one with each packet: all at once they would take every place for lines
/// on their way, and each packet header waits for one of these too.
[[gnu::noinline]] void decide_moving_ones(Burst& burst, const struct tables* tables,
                                          struct counters* row, const Burst* next) {
  const struct tables local = *tables;  // as in burst_decide
  if (!local.slots || !local.backends || !local.pins || !local.node) __builtin_unreachable();
  const uint32_t next_count = next ? next->moving_count : 0;
  for (uint32_t i = 0; i < burst.moving_count; i++) {
    Passage& passage = burst.passage[burst.moving[i]];
    const uint64_t hash = burst.moving_hash[i];
    if (i < next_count) ask_for_bucket(*next, &local, i);
    uint16_t backend = decide_steady(&local, &passage.packet, row, passage.slot, hash);
    if (backend == 0) backend = decide_moving(tables, &passage.packet, row, passage.slot, hash);
    passage.backend = backend;
    rte_prefetch0(backend_at(&local, backend));
  }
  for (uint32_t i = burst.moving_count; i < next_count; i++) ask_for_bucket(*next, &local, i);
}

void note_moving(Burst& burst, uint32_t place) {
  const uint64_t hash = own_hash(burst, place);
  burst.moving[burst.moving_count] = static_cast<uint8_t>(place);
  burst.moving_hash[burst.moving_count++] = hash;
}

void decide_all(Burst& burst, const struct tables* tables) {
  Passage* const end = burst.passage + burst.found;
  burst.moving_count = 0;
#pragma GCC unroll 4
  for (Passage* passage = burst.passage; passage < end; passage++) {
    const uint32_t word = slot_word(tables, passage->slot);
    passage->backend = slot_current(word);
    rte_prefetch0(backend_at(tables, passage->backend));
    if (SPLIT_UNLIKELY(!slot_is_settled(word))) {
      note_moving(burst, static_cast<uint32_t>(passage - burst.passage));
    }
  }
}

bool is_sent(uint32_t verdict) {
  return verdict == VERDICT_forwarded_l2 || verdict == VERDICT_forwarded_ipip;
}

/// Writes the frame that now starts at `frame`. Inlined twice, so that each mode has its own
/// straight path.
SPLIT_INLINE enum verdict rewrite(rte_mbuf* mbuf, uint8_t* frame, const struct packet* packet,
                                  const struct route* route, uint64_t hash) {
  const int written = forward_write(frame, frame + mbuf->data_len, packet, route, hash);
  return SPLIT_LIKELY(written) ? forward_verdict(route) : VERDICT_truncated;
}

/// The verdict of a packet whose backend is known; it is rewritten if that is a forwarded one.
enum verdict forward(const Passage& passage, const struct tables* tables, uint32_t ifindex,
                     uint64_t hash) {
  const struct packet* packet = &passage.packet;
  rte_mbuf* mbuf = passage.mbuf;
  struct route route;
  const enum verdict verdict =
      forward_check(packet, backend_at(tables, passage.backend), ifindex, &route);
  if (SPLIT_UNLIKELY(verdict != VERDICT_none)) return verdict;
  if (route.next_hop.part.mode == FORWARD_L2) {
    return rewrite(mbuf, rte_pktmbuf_mtod(mbuf, uint8_t*), packet, &route, hash);
  }
  const auto room = static_cast<uint16_t>(forward_room_bytes(packet, &route));
  auto* frame = reinterpret_cast<uint8_t*>(rte_pktmbuf_prepend(mbuf, room));
  if (SPLIT_UNLIKELY(frame == nullptr)) return VERDICT_no_room;
  return rewrite(mbuf, frame, packet, &route, hash);
}

void forward_all(Burst& burst, const struct tables* tables, uint32_t ifindex) {
  uint32_t transmit_count = burst.echo_count;
  const uint32_t found = burst.found;
  for (uint32_t i = 0; i < found; i++) {
    Passage& passage = burst.passage[i];
    const enum verdict verdict = forward(passage, tables, ifindex, burst.lanes.hash[i]);
    passage.verdict = static_cast<uint8_t>(verdict);
    burst.transmit[transmit_count] = passage.mbuf;
    transmit_count += is_sent(verdict);
  }
  burst.transmit_count = static_cast<uint16_t>(transmit_count);
}

/// The only writer adds; the daemon reads at any time, so each word is stored
/// whole.
void add(uint64_t& word, uint64_t amount) {
  __atomic_store_n(&word, word + amount, __ATOMIC_RELAXED);
}

void count(struct counter& counter, uint64_t packets, uint64_t bytes) {
  add(counter.packets, packets);
  add(counter.bytes, bytes);
}

/// Gives the last `unsent` of the packets to be sent their other verdict: the last to arrive of
/// those forwarded, then of the echo replies, which were to be sent before them.
void refuse_unsent(Burst& burst, uint32_t unsent) {
  for (Passage* passage = burst.passage + burst.found; unsent > 0 && passage > burst.passage;) {
    passage--;
    if (!is_sent(passage->verdict)) continue;
    passage->verdict = VERDICT_transmit_full;
    unsent--;
  }
  for (Passage* stranger = burst.passage + burst.strangers; unsent > 0; stranger++) {
    if (stranger->verdict != VERDICT_echo_replied) continue;
    stranger->verdict = VERDICT_transmit_full;
    unsent--;
  }
}

void count_sent(const Passage& passage, struct counters* row) {
  struct counter& backend = row->backend[passage.backend];
  count(backend, 1, passage.frame_bytes);
  add(backend.syns, static_cast<uint64_t>(packet_is_new_connection(&passage.packet)));
}

void count_dropped(const Passage& passage, struct counters* row) {
  count(row->dropped[passage.service & (SERVICES - 1)], 1, passage.frame_bytes);
  rte_pktmbuf_free(passage.mbuf);
}

/// Counts packets of services: a run of one verdict in one go, since they come
/// in runs.
void count_found(const Burst& burst, struct counters* row) {
  const Passage* const end = burst.passage + burst.found;
  for (const Passage* passage = burst.passage; passage < end;) {
    const Passage* const first = passage;
    const uint32_t verdict = passage->verdict;
    uint64_t bytes = 0;
    if (SPLIT_LIKELY(is_sent(verdict))) {
      for (; passage < end && passage->verdict == verdict; passage++) {
        bytes += passage->frame_bytes;
        count_sent(*passage, row);
      }
    } else {
      for (; passage < end && passage->verdict == verdict; passage++) {
        bytes += passage->frame_bytes;
        count_dropped(*passage, row);
      }
    }
    const auto packets = static_cast<uint64_t>(passage - first);
    count(row->verdict[verdict & (VERDICT_PLACES - 1)], packets, bytes);
  }
}

}  // namespace

bool burst_decide(Burst& burst, const struct tables* tables, struct counters* row,
                  rte_mbuf* const* packets, uint16_t count) {
  // A copy that nobody else sees, so that no store and no call below can seem to change it.
  const struct tables local = *tables;
  if (!local.services || !local.slots || !local.backends || !local.pins || !local.node) {
    __builtin_unreachable();
  }
  receive(packets, count);
  classify_all(burst, &local, row, packets, count);
  hash_all(burst);
  find_slots(burst, &local);
  decide_all(burst, &local);
  return burst.moving_count != 0;
}

uint16_t burst_rewrite(Burst& burst, const struct tables* tables, struct counters* row,
                       uint32_t ifindex, const Burst* next) {
  const struct tables local = *tables;
  if (!local.backends) __builtin_unreachable();
  if (SPLIT_UNLIKELY(burst.moving_count != 0)) decide_moving_ones(burst, tables, row, next);
  forward_all(burst, &local, ifindex);
  return burst.transmit_count;
}

void burst_ask(const Burst& burst, const struct tables* tables) {
  for (uint32_t i = 0; i < burst.moving_count; i++) ask_for_bucket(burst, tables, i);
}

uint16_t burst_split(Burst& burst, const struct tables* tables, struct counters* row,
                     uint32_t ifindex, rte_mbuf* const* packets, uint16_t count) {
  if (burst_decide(burst, tables, row, packets, count)) burst_ask(burst, tables);
  return burst_rewrite(burst, tables, row, ifindex, nullptr);
}

void burst_finish(Burst& burst, struct counters* row, uint16_t sent) {
  add(row->received, static_cast<uint64_t>(burst.found + kBurstPackets - burst.strangers));
  add(row->received_bytes, burst.received_bytes);
  refuse_unsent(burst, burst.transmit_count - sent);
  count_found(burst, row);
  for (uint32_t place = burst.strangers; place < kBurstPackets; place++) {
    const Passage& stranger = burst.passage[place];
    count(row->verdict[stranger.verdict & (VERDICT_PLACES - 1)], 1, stranger.frame_bytes);
    if (stranger.verdict != VERDICT_echo_replied) rte_pktmbuf_free(stranger.mbuf);
  }
}

}  // namespace belka
