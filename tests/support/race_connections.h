// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <span>

#include "tests/support/bytes.h"
#include "tests/support/table_writer.h"

namespace belka {

inline constexpr uint32_t kRaceSlots = 64;
inline constexpr uint16_t kRaceBackends = 5;  ///< from number 1
inline constexpr uint16_t kRaceDefault = 2;   ///< what the slots drain to at first
inline constexpr size_t kRaceFlagsAt = 47;    ///< where the TCP flags stand in a frame
inline constexpr size_t kRaceAnswerAt = 5;    ///< where the backend's number does when it is sent

/// One service whose slots all open, {1, 2}, from slot 0 on; backends whose numbers are the last
/// byte of their MAC addresses.
TableSpec race_tables();

/// A client of it.
struct RaceConnection {
  Bytes frame;  ///< Ethernet, IPv4, TCP
  uint64_t hash;
  uint32_t slot;

  uint32_t bucket() const;
  uint64_t identity() const;
};

/// The next one, of numbers from `client` on and below 2^24, whose pin stands in the first
/// `buckets` buckets; `client` is then one further.
RaceConnection next_race_connection(uint32_t& client, uint32_t buckets);

/// A packet that a writer of pins sends, and where it went; 0: nowhere.
struct RacePacket {
  const RaceConnection* connection = nullptr;
  uint8_t tcp_flags = 0;
  uint16_t backend = 0;
};

/// Sends them, in order. Called by one thread.
using RaceWriter = std::function<void(std::span<RacePacket>)>;

}  // namespace belka
