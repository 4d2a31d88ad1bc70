// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "control/table_values.h"
#include "dataplane/tables.h"

namespace belka::model {

// One set of tables for all scenarios, one after the other: each clears what it uses.
inline const TableView& shared_tables() {
  static const Tables tables = Tables::create_private(1, 1);
  return *tables.view();
}

}  // namespace belka::model
