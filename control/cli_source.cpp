// SPDX-License-Identifier: Apache-2.0
#include "control/cli_source.h"

#include <ostream>

#include "control/error.h"

namespace belka {

std::optional<Tables> open_named_tables(const CommandLine& line) {
  const bool pins = line.has("pins"), tables = line.has("tables");
  if (pins && tables) throw UsageError("--pins and --tables are both given; name one");
  if (pins) return Tables::open_pinned(line.pins, Tables::Access::read_only);
  if (tables) return Tables::open_file(line.tables, Tables::Access::read_only);
  return std::nullopt;
}

int show(const CommandLine& line, Console& console, const nlohmann::json& answer,
         std::string (*text)(const nlohmann::json&)) {
  if (line.output == "json") {
    console.out << answer.dump(2) << "\n";
    return kExitOk;
  }
  try {
    console.out << text(answer);
  } catch (const nlohmann::json::exception& error) {
    throw Error(std::string("belkad's answer lacks what this belkactl shows (") + error.what() +
                "); use the belkactl that belongs to it, or -o json");
  }
  return kExitOk;
}

int show(const CommandLine& line, Console& console, const Reply& reply,
         std::string (*text)(const nlohmann::json&)) {
  if (reply.errors.empty()) return show(line, console, reply.body, text);
  for (const std::string& error : reply.errors) console.err << error << "\n";
  return kExitFailed;
}

}  // namespace belka
