// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "dataplane/burst.h"

namespace belka {

/// burst_split, stopped now and then between two accesses to shared memory (stumbling_access.h).
uint16_t stumbling_burst_split(Burst& burst, const struct tables* tables, struct counters* row,
                               uint32_t ifindex, rte_mbuf* const* packets, uint16_t count);
void stumbling_burst_finish(Burst& burst, struct counters* row, uint16_t sent);

}  // namespace belka
