// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <ostream>

#include "control/cli_commands.h"
#include "control/cli_file.h"
#include "control/cli_source.h"
#include "control/cli_text.h"
#include "control/explain.h"
#include "control/publish.h"
#include "control/seed.h"
#include "control/unix_socket.h"

namespace belka {
namespace {

// The flow may stand in one argument or, with its > quoted alone, in several.
std::string joined_flow(const CommandLine& line) {
  std::string text;
  for (size_t i = 1; i < line.words.size(); i++) text += (i == 1 ? "" : " ") + line.words[i];
  return text;
}

int explain_config(const CommandLine& line, Console& console, const Flow& flow) {
  const auto config = parse_or_complain(read_config_file(line.config), console);
  if (!config) return kExitFailed;
  Tables tables = Tables::create_private(1, 0);
  Publisher(tables, read_seed(config->seed_file)).publish(*config);
  return show(line, console, explain_json(*tables.view(), flow, NextHopSource::unknown),
              explain_text);
}

}  // namespace

int run_explain(const CommandLine& line, Console& console) {
  const auto parsed = parse_flow(joined_flow(line));
  if (const auto* error = std::get_if<std::string>(&parsed)) throw UsageError(*error);
  const Flow& flow = std::get<Flow>(parsed);
  if (line.has("config")) {
    if (line.has("pins") || line.has("tables"))
      throw UsageError("--config makes tables of its own; leave out --pins and --tables");
    return explain_config(line, console, flow);
  }
  if (const auto tables = open_named_tables(line)) {
    return show(line, console, explain_json(*tables->view(), flow, NextHopSource::from_tables),
                explain_text);
  }
  const std::string path = "/v1/explain?flow=" + escape_query(flow_text(flow));
  return show(line, console, Client(line.socket).get(path), explain_text);
}

}  // namespace belka
