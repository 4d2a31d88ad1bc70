// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "control/cli.h"

namespace belka {

// The commands of the table in cli.cpp. Each returns an exit code and writes what its help line
// says.
int run_apply(const CommandLine& line, Console& console);  // cli_change.cpp
int run_plan(const CommandLine& line, Console& console);
int run_drain_limit(const CommandLine& line, Console& console);
int run_backend(const CommandLine& line, Console& console);
int run_check(const CommandLine& line, Console& console);
int run_split(const CommandLine& line, Console& console);
int run_get(const CommandLine& line, Console& console);  // cli_show.cpp
int run_status(const CommandLine& line, Console& console);
int run_stats(const CommandLine& line, Console& console);
int run_version(const CommandLine& line, Console& console);
int run_explain(const CommandLine& line, Console& console);  // cli_explain.cpp
int run_tables(const CommandLine& line, Console& console);   // cli_tables.cpp

}  // namespace belka
