// SPDX-License-Identifier: Apache-2.0
#include "control/cli_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <ostream>

#include "control/error.h"
#include "control/quote.h"

namespace belka {

ConfigFile read_config_file(const std::string& path) {
  const bool standard = path == "-";
  const std::unique_ptr<FILE, int (*)(FILE*)> file(
      standard ? stdin : std::fopen(path.c_str(), "re"),
      standard ? [](FILE*) { return 0; } : &std::fclose);
  if (!file) throw Error(fmt::format("cannot read {}: {}", quote(path), std::strerror(errno)));
  ConfigFile config{.name = standard ? "standard input" : path, .text = {}};
  char buffer[1 << 16];
  size_t bytes = 0;
  while ((bytes = std::fread(buffer, 1, sizeof buffer, file.get())) != 0) {
    config.text.append(buffer, bytes);
    if (config.text.size() > kMaxConfigBytes) {
      throw Error(fmt::format("{} is longer than {} bytes, which no configuration may be",
                              quote(path), kMaxConfigBytes));
    }
  }
  if (std::ferror(file.get()) != 0) {
    throw Error(fmt::format("cannot read {}: {}", quote(path), std::strerror(errno)));
  }
  return config;
}

ConfigFile read_config_file(const CommandLine& line) {
  if (line.file.empty())
    throw UsageError("no file is named; pass -f FILE, or -f - to read standard input");
  return read_config_file(line.file);
}

std::optional<Config> parse_or_complain(const ConfigFile& file, Console& console) {
  ConfigResult result = parse_config(file.text, file.name);
  for (const ConfigError& error : result.errors) console.err << error.text() << "\n";
  return std::move(result.config);
}

}  // namespace belka
