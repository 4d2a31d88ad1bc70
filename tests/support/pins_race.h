// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/race_connections.h"
#include "tests/support/race_daemon.h"

namespace belka {

/// Many writers of pins at once, lcores of the data plane and the XDP program, and beside them the
/// daemon's Keeper, on connections whose pins stand in the same few buckets. Who is to serve a
/// connection is what its first packet was told, remembered here and by nobody else.

struct RaceResult {
  uint64_t packets = 0, refused = 0;
  uint64_t fault_count = 0;
  std::vector<std::string> faults;  ///< what must not be; the first few
  RaceDaemon::Done daemon;
};

/// While the Keeper ticks, sweeps, changes, flips and settles slots: every writer has connections
/// of its own, which keep their backend from SYN to FIN, and whose pins are there at the end; and
/// all writers send of shared ones. No connection ever has two pins, and no word is left tentative.
RaceResult race_while_swept(const struct tables* tables, const std::vector<RaceWriter>& writers,
                            uint32_t rounds);

/// Again and again all writers send the first packets of the same new connections, SYN or not,
/// while the Keeper frees words of their buckets, also one of their own, of a backend that is down:
/// all of them get the same backend, and one pin that names it.
RaceResult race_for_one_answer(const struct tables* tables, const std::vector<RaceWriter>& writers,
                               uint32_t batches);

/// The figures and the first faults, a line each.
std::string race_text(const std::string& race, size_t writers, const RaceResult& result);

}  // namespace belka
