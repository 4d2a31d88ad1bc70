// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "tests/support/executor.h"

namespace belka {

/// The data plane's burst stages on mbufs whose buffers are exact-size heap blocks: the address
/// sanitizer sees what is read or written beyond them, or after they were freed. Frames go in as
/// bursts of up to 32. Throws Error where DPDK does not start.
std::unique_ptr<Executor> make_burst_executor();

/// Frames above this do not fit into one mbuf with their headroom.
inline constexpr size_t kBurstMostBytes = 65'000;

}  // namespace belka
