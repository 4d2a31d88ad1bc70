// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <rte_mbuf.h>

#include <cstdint>

#include "dataplane/hash_lanes.h"
#include "split/classify.h"
#include "split/packet.h"
#include "split/tables.h"
#include "split/verdict.h"

namespace belka {

constexpr uint16_t kBurstPackets = 32;

/// The shared stages (parse, classify, hash, decide, forward) over up to 32 packets at once: each
/// stage runs over all of them and asks for the memory that the next one reads.
///
/// This is the working storage of one lcore, and after burst_split what became of each packet:
/// arrays by the packet's number in the burst. Nothing here outlives the burst.
struct alignas(64) Burst {
  rte_mbuf* mbuf[kBurstPackets];
  uint32_t frame_bytes[kBurstPackets];  ///< as received, all segments
  struct packet packet[kBurstPackets];
  struct choice choice[kBurstPackets];  ///< set where a service was found
  uint64_t hash[kBurstPackets];         ///< of its flow, where a service was found
  uint32_t slot[kBurstPackets];         ///< index among all slots, where a service was found
  uint16_t backend[kBurstPackets];      ///< number, where a service was found
  uint8_t verdict[kBurstPackets];       ///< enum verdict

  rte_mbuf* transmit[kBurstPackets];  ///< to be sent, in order of arrival, rewritten
  /// Numbers of the packets: to be sent (beside transmit), with a service but not to be sent,
  /// without a service.
  uint8_t sent[kBurstPackets], refused[kBurstPackets], strangers[kBurstPackets];
  uint16_t received_count, transmit_count, refused_count, stranger_count;
  uint64_t received_bytes;

  uint8_t with_service[kBurstPackets];  ///< numbers of the packets whose service was found
  uint16_t with_service_count;
  HashLanes ipv4, ipv6;
};

/// Decides packets[0..count), count at most kBurstPackets, which came in by `ifindex`, and rewrites
/// those to be sent: they stand in burst.transmit[0..n), n being returned. Every other packet keeps
/// its bytes. burst_finish must follow.
uint16_t burst_split(Burst& burst, const struct tables* tables, uint32_t ifindex,
                     rte_mbuf* const* packets, uint16_t count);

/// After the transmission of the first `sent` of burst.transmit (which the driver now owns): counts
/// every packet under its verdict in `row`, whose only writer is the caller, and frees all that
/// were not sent; those of burst.transmit under transmit_full. There is nobody to pass packets to:
/// a PASS verdict is counted and its packet freed.
void burst_finish(Burst& burst, struct counters* row, uint16_t sent);

}  // namespace belka
