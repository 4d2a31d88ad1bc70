// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace belka {

// What belkad needs and does not have, of the capabilities in `effective` (CapEff of
// /proc/self/status, capabilities(7)): "NET_ADMIN" and so on; empty: it has all.
std::vector<std::string> missing_rights(uint64_t effective);

// Throws Error where this process lacks one.
void require_rights();

// Locked memory counts against RLIMIT_MEMLOCK before kernel 5.11: raised where that is allowed.
void raise_memory_limit();

// Each check of a backend takes a descriptor: the soft limit becomes the hard one.
void raise_descriptor_limit();

}  // namespace belka
