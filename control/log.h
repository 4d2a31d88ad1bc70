// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

// What belkad says on its standard error, a line at a time; any thread may. The library behind it
// (spdlog) is compiled in log.cpp alone.
namespace belka {

// Lines below `level` are not written from now on: trace, debug, info, warning, error, critical or
// off. Throws Error for another word.
void start_log(const std::string& level);

// Before start_log, and in programs that do not call it, these go to standard output from "info"
// on.
void log_debug(const std::string& line);
void log_info(const std::string& line);
void log_warn(const std::string& line);
void log_error(const std::string& line);

}  // namespace belka
