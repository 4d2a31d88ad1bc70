// SPDX-License-Identifier: Apache-2.0
#include "dataplane/burst.h"

#include <rte_prefetch.h>

#include "split/decide.h"
#include "split/forward.h"
#include "split/hash.h"
#include "split/parse.h"

namespace belka {
namespace {

void set_verdict(Burst& burst, uint32_t number, enum verdict verdict) {
  burst.verdict[number] = static_cast<uint8_t>(verdict);
}

void refuse(Burst& burst, uint32_t number, enum verdict verdict) {
  set_verdict(burst, number, verdict);
  burst.refused[burst.refused_count++] = static_cast<uint8_t>(number);
}

void receive(Burst& burst, rte_mbuf* const* packets, uint16_t count) {
  for (uint32_t i = 0; i < count; i++) {
    burst.mbuf[i] = packets[i];
    rte_prefetch0(rte_pktmbuf_mtod(packets[i], const uint8_t*));
  }
  burst.received_count = count;
  burst.transmit_count = 0;
  burst.refused_count = 0;
  burst.stranger_count = 0;
  burst.with_service_count = 0;
  burst.ipv4.count = 0;
  burst.ipv6.count = 0;
}

/// Asks for the memory of the place where classify looks first.
void prefetch_service(const struct tables* tables, const struct packet* packet) {
  const struct service_key key =
      service_key_of(packet, static_cast<uint16_t>(packet->ports >> 16), packet->protocol);
  rte_prefetch0(service_at(tables, service_home(&key)));
}

void parse_all(Burst& burst, const struct tables* tables) {
  uint64_t received_bytes = 0;
  for (uint32_t i = 0; i < burst.received_count; i++) {
    const rte_mbuf* mbuf = burst.mbuf[i];
    const uint8_t* data = rte_pktmbuf_mtod(mbuf, const uint8_t*);
    burst.frame_bytes[i] = mbuf->pkt_len;
    received_bytes += mbuf->pkt_len;
    set_verdict(burst, i, parse(data, data + mbuf->data_len, mbuf->pkt_len, &burst.packet[i]));
    prefetch_service(tables, &burst.packet[i]);
  }
  burst.received_bytes = received_bytes;
}

/// Puts the packet where its hash is computed: beside others, or right here.
void hash_or_queue(Burst& burst, uint32_t number) {
  const struct packet& packet = burst.packet[number];
  const struct choice& choice = burst.choice[number];
  if (SPLIT_UNLIKELY(choice.source_bits != 0)) {
    burst.hash[number] = hash_flow(&choice, &packet);
  } else if (packet.family == IPV4) {
    hash_lanes_add(burst.ipv4, choice.hash_key, packet, kHashWordsIpv4, number);
  } else {
    hash_lanes_add(burst.ipv6, choice.hash_key, packet, kHashWordsIpv6, number);
  }
}

void classify_all(Burst& burst, const struct tables* tables) {
  for (uint32_t i = 0; i < burst.received_count; i++) {
    const auto parsed = static_cast<enum verdict>(burst.verdict[i]);
    const enum verdict verdict = classify(tables, &burst.packet[i], parsed, &burst.choice[i]);
    if (SPLIT_UNLIKELY(verdict != VERDICT_none)) {
      set_verdict(burst, i, verdict);
      burst.strangers[burst.stranger_count++] = static_cast<uint8_t>(i);
      continue;
    }
    burst.with_service[burst.with_service_count++] = static_cast<uint8_t>(i);
    hash_or_queue(burst, i);
  }
}

void hand_out(Burst& burst, const HashLanes& lanes) {
  for (uint32_t lane = 0; lane < lanes.count; lane++) {
    burst.hash[lanes.packet[lane]] = lanes.hash[lane];
  }
}

void hash_all(Burst& burst, const struct tables* tables) {
  if (burst.ipv4.count != 0) hash_lanes_ipv4(burst.ipv4);
  if (burst.ipv6.count != 0) hash_lanes_ipv6(burst.ipv6);
  hand_out(burst, burst.ipv4);
  hand_out(burst, burst.ipv6);
  for (uint32_t i = 0; i < burst.with_service_count; i++) {
    const uint32_t number = burst.with_service[i];
    burst.slot[number] = slot_index(&burst.choice[number], burst.hash[number]);
    rte_prefetch0(slot_at(tables, burst.slot[number]));
  }
}

void decide_all(Burst& burst, const struct tables* tables) {
  for (uint32_t i = 0; i < burst.with_service_count; i++) {
    const uint32_t number = burst.with_service[i];
    burst.backend[number] = decide(tables, burst.slot[number]);
    rte_prefetch0(backend_at(tables, burst.backend[number]));
  }
}

/// The verdict of a packet whose backend is known; it is rewritten if that is a forwarded one.
enum verdict forward(Burst& burst, const struct tables* tables, uint32_t ifindex, uint32_t number) {
  const struct packet* packet = &burst.packet[number];
  rte_mbuf* mbuf = burst.mbuf[number];
  struct route route;
  const enum verdict verdict =
      forward_check(packet, backend_at(tables, burst.backend[number]), ifindex, &route);
  if (SPLIT_UNLIKELY(verdict != VERDICT_none)) return verdict;
  const auto room = static_cast<uint16_t>(forward_room_bytes(packet, &route));
  auto* frame = reinterpret_cast<uint8_t*>(rte_pktmbuf_prepend(mbuf, room));
  if (SPLIT_UNLIKELY(frame == nullptr)) return VERDICT_no_room;
  if (SPLIT_UNLIKELY(
          !forward_write(frame, frame + mbuf->data_len, packet, &route, burst.hash[number]))) {
    return VERDICT_truncated;
  }
  return forward_verdict(&route);
}

void forward_all(Burst& burst, const struct tables* tables, uint32_t ifindex) {
  for (uint32_t i = 0; i < burst.with_service_count; i++) {
    const uint32_t number = burst.with_service[i];
    const enum verdict verdict = forward(burst, tables, ifindex, number);
    if (SPLIT_UNLIKELY(verdict != VERDICT_forwarded_l2 && verdict != VERDICT_forwarded_ipip)) {
      refuse(burst, number, verdict);
      continue;
    }
    set_verdict(burst, number, verdict);
    burst.transmit[burst.transmit_count] = burst.mbuf[number];
    burst.sent[burst.transmit_count++] = static_cast<uint8_t>(number);
  }
}

void count(struct counter& counter, uint64_t bytes) {
  counter.packets++;
  counter.bytes += bytes;
}

/// Counts the packets that were sent: by verdict in sums, since they are many, and by backend.
void count_sent(Burst& burst, struct counters* row, uint16_t sent) {
  uint64_t packets[2] = {}, bytes[2] = {};
  for (uint32_t i = 0; i < sent; i++) {
    const uint32_t number = burst.sent[i];
    const uint64_t frame_bytes = burst.frame_bytes[number];
    const uint64_t ipip = burst.verdict[number] == VERDICT_forwarded_ipip;
    packets[1] += ipip;
    bytes[0] += frame_bytes;
    bytes[1] += ipip ? frame_bytes : 0;
    struct counter& backend = row->backend[burst.backend[number]];
    count(backend, frame_bytes);
    backend.syns += static_cast<uint64_t>(packet_is_new_connection(&burst.packet[number]));
  }
  row->verdict[VERDICT_forwarded_l2].packets += sent - packets[1];
  row->verdict[VERDICT_forwarded_l2].bytes += bytes[0] - bytes[1];
  row->verdict[VERDICT_forwarded_ipip].packets += packets[1];
  row->verdict[VERDICT_forwarded_ipip].bytes += bytes[1];
}

void count_and_free(Burst& burst, struct counters* row, uint32_t number) {
  count(row->verdict[burst.verdict[number]], burst.frame_bytes[number]);
  rte_pktmbuf_free(burst.mbuf[number]);
}

}  // namespace

uint16_t burst_split(Burst& burst, const struct tables* tables, uint32_t ifindex,
                     rte_mbuf* const* packets, uint16_t count) {
  receive(burst, packets, count);
  parse_all(burst, tables);
  classify_all(burst, tables);
  hash_all(burst, tables);
  decide_all(burst, tables);
  forward_all(burst, tables, ifindex);
  return burst.transmit_count;
}

void burst_finish(Burst& burst, struct counters* row, uint16_t sent) {
  row->received += burst.received_count;
  row->received_bytes += burst.received_bytes;
  count_sent(burst, row, sent);
  for (uint32_t i = sent; i < burst.transmit_count; i++) {
    refuse(burst, burst.sent[i], VERDICT_transmit_full);
  }
  for (uint32_t i = 0; i < burst.refused_count; i++) {
    const uint32_t number = burst.refused[i];
    count(row->dropped[burst.choice[number].service & (SERVICES - 1)], burst.frame_bytes[number]);
    count_and_free(burst, row, number);
  }
  for (uint32_t i = 0; i < burst.stranger_count; i++) {
    count_and_free(burst, row, burst.strangers[i]);
  }
}

}  // namespace belka
