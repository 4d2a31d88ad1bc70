// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/race_connections.h"

namespace belka {

/// Many writers of pins at once: threads of the data plane, the XDP program, and the daemon's sweep
/// (a simple one of its own here), on connections whose pins stand in the same buckets.

struct RaceResult {
  uint64_t packets = 0, refused = 0, cleared = 0, ticks = 0, changes = 0;
  std::vector<std::string> faults;  ///< what must not be; the first few
};

/// While ticks pass, slots change their current backend and pins of shared connections are cleared:
/// every writer has connections of its own, which keep their backend at every packet, and whose
/// pins are there at the end; and all writers send of shared ones, none of which ever has two pins.
RaceResult race_while_swept(const struct tables* tables, const std::vector<RaceWriter>& writers,
                            uint32_t rounds);

/// All writers send the first packets of the same new connections, SYN or not, while nothing else
/// happens: all of them get the same backend, and one pin that names it.
RaceResult race_for_one_answer(const struct tables* tables, const std::vector<RaceWriter>& writers,
                               uint32_t connections);

}  // namespace belka
