// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "control/change.h"

namespace belka {

// Steps of prepare_change, each on the change as the ones before have left it.

// Adds a service to the plan, or to the number of those that stay.
void note_plan(PlanService service, Plan& plan);

// After all wanted services: what was held and is not wanted leaves, and what has left goes. `kept`
// says of a backend's number whether it is wanted.
void unlink_unused(const TableView& tables, const Holdings& holdings, const std::vector<bool>& kept,
                   const ChangeTerms& terms, PreparedChange& change);

// The VIP table for the services of change.after.
void plan_entries_of(const TableView& tables, const Seed& seed, PreparedChange& change);

}  // namespace belka
