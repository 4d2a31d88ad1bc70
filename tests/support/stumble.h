// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace belka {

/// Once in some tens of calls other threads run meanwhile, for up to some microseconds.
void stumble();

/// From now on this thread does more often, and for longer: of its few accesses each counts.
void stumble_more();

}  // namespace belka
