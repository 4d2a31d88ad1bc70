// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "split/tables.h"
#include "tests/support/pin_table.h"

namespace belka {

/// Tables as a test describes them. Addresses are text, numbers are in host order.
struct BackendSpec {
  uint16_t number = 1;
  std::string address;
  std::array<uint8_t, 6> mac{};
  enum forward_mode mode = FORWARD_L2;
  enum backend_state state = BACKEND_READY;
  uint32_t ifindex = 1;
  uint16_t mtu = 1500;
  std::string outer_source;  ///< empty where nothing is put around
  bool down = false;
  bool operator==(const BackendSpec&) const = default;
};

struct ServiceSpec {
  std::string vip;
  uint16_t port = 0;  ///< 0: all ports
  uint8_t protocol = 6;
  uint8_t source_bits = 0;  ///< 0: hash the five-tuple
  uint32_t slots = 16;
  std::vector<uint16_t> ring;  ///< backend numbers, repeated over all slots
  uint32_t tombstones = 0;     ///< places taken before the service's own
  /// What the slots drain to, repeated likewise: a backend, SLOT_HOLD or SLOT_LOOK. Empty: all are
  /// settled.
  std::vector<uint16_t> draining;
  bool operator==(const ServiceSpec&) const = default;
};

struct TableSpec {
  std::vector<ServiceSpec> services;  ///< the service's number is its position
  std::vector<BackendSpec> backends;
  uint32_t tick = 0;
  std::vector<PlacedPin> pins;  ///< put in beside those that stand there
  bool operator==(const TableSpec&) const = default;
};

/// The MAC address of this machine in every table: the source of what is sent.
inline constexpr std::array<uint8_t, 6> kOwnMac = {2, 0, 0, 0, 0, 0xfe};

/// Puts a test's tables into mapped ones, written anew from tables.h: a second opinion on what the
/// daemon publishes. Every service has the same key, bytes 0 to 15.
class TableWriter {
 public:
  explicit TableWriter(const struct tables* tables) : tables_(tables) {}

  /// Replaces what was written before, but takes out no pins (free_pins does). Throws
  /// std::invalid_argument where it does not fit.
  void write(const TableSpec& spec);

 private:
  void write_service(const ServiceSpec& spec, uint16_t number);
  void write_backend(const BackendSpec& spec);
  void place(const struct service_entry& entry, uint32_t tombstones);

  const struct tables* tables_;
  uint32_t slots_used_ = 0;
};

}  // namespace belka
