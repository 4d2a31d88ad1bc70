// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "control/publish.h"

namespace belka::model {

// A publisher's keeper sweeps all pins there may be, 64 MiB of them, of which a scenario uses a
// few kilobytes. From now on this one's sweeps no further than the reach; else it is as it was.
// REQUIRES: the publisher was just made, and the tables are empty beyond the reach, and stay so.
void keep_within(Publisher& publisher, const KeeperReach& reach);

}  // namespace belka::model
