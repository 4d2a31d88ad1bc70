// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace belka {

/// Starts DPDK without hugepages, NICs and files of its own, once a process. Throws Error.
void start_eal();

}  // namespace belka
