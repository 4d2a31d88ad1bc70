// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace belka::bench {

/// DPDK without devices and hugepages, once: pools of packets, and what a TSC cycle is in seconds.
void start_eal();

}  // namespace belka::bench
