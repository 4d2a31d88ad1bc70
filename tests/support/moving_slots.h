// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "tests/support/table_writer.h"

namespace belka {

/// The same services with slots in all states side by side: settled, opening from another backend
/// and from none, looking, held. Each backend of a ring meets each state, where the slots are
/// enough. No pins stand in them.
TableSpec with_moving_slots(TableSpec spec);

/// What happens to tables between packets: puts the tick to `step`, and marks a few of the backends
/// of `spec` as down, others at each step.
void move_on(const struct tables* tables, const TableSpec& spec, uint32_t step);

}  // namespace belka
