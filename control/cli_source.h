// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "control/cli.h"
#include "control/client.h"
#include "dataplane/tables.h"

namespace belka {

// The tables that --tables or --pins names, mapped read-only; none where neither is given, and the
// daemon is to be asked. Throws UsageError where both are.
std::optional<Tables> open_named_tables(const CommandLine& line);

// Prints an answer as the command's --output wants it: JSON, or the text for people. A reply with
// errors goes to `err`. Returns the exit code; throws Error where the answer lacks a field.
int show(const CommandLine& line, Console& console, const nlohmann::json& answer,
         std::string (*text)(const nlohmann::json&));
int show(const CommandLine& line, Console& console, const Reply& reply,
         std::string (*text)(const nlohmann::json&));

}  // namespace belka
