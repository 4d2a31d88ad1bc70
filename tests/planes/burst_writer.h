// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "tests/support/race_connections.h"

namespace belka {

/// An lcore that sends through the data plane's burst stages, up to 32 packets in one go, and is
/// stopped now and then between two accesses to the tables. Its mbufs belong to no pool: it wants
/// no EAL. `row` is its own.
RaceWriter burst_race_writer(const struct tables* tables, struct counters* row);

}  // namespace belka
