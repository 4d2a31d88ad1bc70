// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "tests/support/executor.h"

namespace belka {

/// The names of all executors: the one place where one is added.
const std::vector<std::string>& executor_names();

/// The executor of that name, made when first asked for and kept for the whole process; null where
/// it cannot run here, and then `reason` says why.
Executor* executor(const std::string& name, std::string* reason);

}  // namespace belka
