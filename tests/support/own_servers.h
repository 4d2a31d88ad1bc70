// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>

#include "tests/support/bytes.h"
#include "tests/support/table_writer.h"

namespace belka {

/// Tables in which the servers of these frames are services: where the first packet of each TCP or
/// UDP flow goes. Forwarding mode, hash and ring vary from service to service, and some backends
/// are unresolved, elsewhere, or have a small MTU, so that replayed traffic meets each of these
/// verdicts.
TableSpec own_servers(std::span<const Bytes> frames);

}  // namespace belka
