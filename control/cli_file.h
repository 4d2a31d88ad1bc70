// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "control/cli.h"
#include "control/config.h"

namespace belka {

// A configuration as text; its name labels errors.
struct ConfigFile {
  std::string name;
  std::string text;
};

// The file of --file, `-` for standard input. Throws UsageError where the flag is missing, Error
// where it cannot be read or is longer than a configuration may be.
ConfigFile read_config_file(const CommandLine& line);
ConfigFile read_config_file(const std::string& path);

// Validates it; all its errors go to `err`, one a line.
std::optional<Config> parse_or_complain(const ConfigFile& file, Console& console);

}  // namespace belka
