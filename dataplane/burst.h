// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <rte_mbuf.h>

#include <cstdint>

#include "dataplane/hash_lanes.h"
#include "split/packet.h"
#include "split/tables.h"
#include "split/verdict.h"

namespace belka {

constexpr uint16_t kBurstPackets = 32;

/// The shared stages (parse, classify, hash, decide, forward) over up to 32
/// packets at once: each stage runs over all of them and asks for the memory
/// that the next one reads.
///
/// A packet on its way through the stages. Of strangers, for which there is no
/// service, only mbuf, frame_bytes and verdict are set.
struct alignas(32) Passage {
  rte_mbuf* mbuf;
  uint32_t frame_bytes;           ///< as received, all segments
  uint32_t slot_base, slot_mask;  ///< of the service
  uint32_t slot;                  ///< index among all slots
  uint16_t service, backend;      ///< numbers
  uint8_t verdict;                ///< enum verdict
  struct packet packet;
};

/// The working storage of one lcore, and after burst_split what became of each
/// packet. Packets whose service was found stand in passage[0, found), in order
/// of arrival, so that the stages behind run straight on; strangers in
/// [strangers, kBurstPackets), the last to arrive first. Nothing here outlives
/// the burst, but for the time.
struct alignas(64) Burst {
  Passage passage[kBurstPackets];
  HashLanes lanes;                    ///< lane i is passage[i]'s
  rte_mbuf* transmit[kBurstPackets];  ///< to be sent: echo replies, then what is forwarded,
                                      ///< both in order of arrival
  uint16_t found, strangers, transmit_count;
  uint16_t ipv6_count;               ///< of those found
  uint16_t echo_count;               ///< echo replies to be sent
  uint16_t by_source_count;          ///< of those found: services that hash the source
                                     ///< address alone
  uint8_t by_source[kBurstPackets];  ///< their places
  uint64_t by_source_hash[kBurstPackets];
  uint8_t moving[kBurstPackets];  ///< places of those whose slot is not settled
  uint64_t moving_hash[kBurstPackets];
  uint32_t moving_count;
  uint64_t received_bytes;
  uint64_t now_ns = 0;  ///< CLOCK_MONOTONIC; the caller keeps it fresh to a few ms
};

/// Decides packets[0..count), count at most kBurstPackets, but for those of slots that move: these
/// are decided by what is to be read from a large table. True: there are such. Then the caller lets
/// the memory be asked for, by burst_ask, or better by the burst_rewrite of a burst before, and
/// does something else in the meantime, if there is anything. `row`, whose only writer is the
/// caller, limits the echo replies. burst_rewrite must follow.
bool burst_decide(Burst& burst, const struct tables* tables, struct counters* row,
                  rte_mbuf* const* packets, uint16_t count);

/// Asks for what burst_rewrite will read.
void burst_ask(const Burst& burst, const struct tables* tables);

/// Decides the others, and rewrites the packets to be sent, which came in by `ifindex`: they stand
/// in burst.transmit[0..n), n being returned. Every other packet keeps its bytes. `row` gets the
/// pins that were refused. Asks on the way for what `next` will read, which was decided since and
/// may be null; it does so only where burst_decide returned true for `burst`.
/// burst_finish must follow.
uint16_t burst_rewrite(Burst& burst, const struct tables* tables, struct counters* row,
                       uint32_t ifindex, const Burst* next);

/// All of it at once.
uint16_t burst_split(Burst& burst, const struct tables* tables, struct counters* row,
                     uint32_t ifindex, rte_mbuf* const* packets, uint16_t count);

/// After the transmission of the first `sent` of burst.transmit (which the
/// driver now owns): counts every packet under its verdict in `row`, whose only
/// writer is the caller, and frees all that were not sent; those of
/// burst.transmit under transmit_full. There is nobody to pass packets to: a
/// PASS verdict is counted and its packet freed.
void burst_finish(Burst& burst, struct counters* row, uint16_t sent);

}  // namespace belka
