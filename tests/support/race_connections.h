// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>

#include "split/packet.h"
#include "tests/support/bytes.h"
#include "tests/support/table_writer.h"

namespace belka {

inline constexpr uint32_t kRaceSlots = 64;
inline constexpr uint16_t kRaceDefault = 2;  ///< what the slots drain to
inline constexpr size_t kRaceFlagsAt = 47;   ///< where the TCP flags stand in a frame

/// One service whose slots all open, {1, 2}, from slot 0 on; backends 1 to 4, their numbers in the
/// last byte of their MAC addresses.
TableSpec race_tables();

/// A client of it.
struct RaceConnection {
  Bytes frame;           ///< Ethernet, IPv4, TCP
  struct packet packet;  ///< what parse makes of it
  uint64_t hash;
  uint32_t slot;

  uint32_t bucket() const;
  uint64_t identity() const;
};

/// By number, below 2^24.
RaceConnection race_connection(uint32_t client);

/// The next one, from `client` on, whose pin stands in the first `buckets` buckets; `client` is
/// then one further.
RaceConnection next_race_connection(uint32_t& client, uint32_t buckets);

/// Sends a packet of the connection with these TCP flags; gives the backend that gets it. Called by
/// one thread.
using RaceWriter = std::function<uint16_t(const RaceConnection&, uint8_t tcp_flags)>;

/// decide_moving with this row of the tables, of which the writer is the only one.
RaceWriter native_race_writer(const struct tables* tables, struct counters* row);

}  // namespace belka
