// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <ostream>

#include "control/cli_commands.h"
#include "control/cli_source.h"
#include "control/cli_text.h"
#include "control/client.h"
#include "control/quote.h"
#include "control/stats.h"
#include "control/table_views.h"
#include "control/version.h"
#include "split/tables.h"

namespace belka {
namespace {

using nlohmann::json;

struct Listing {
  std::string_view name;
  const char* path;
  json (*read)(const struct tables&);
  std::string (*text)(const json&);
};

constexpr Listing kListings[] = {
    {"services", "/v1/services", services_json, services_text},
    {"pools", "/v1/pools", pools_json, pools_text},
    {"backends", "/v1/backends", backends_json, backends_text},
};

}  // namespace

int run_get(const CommandLine& line, Console& console) {
  for (const Listing& listing : kListings) {
    if (listing.name != line.words[1]) continue;
    if (const auto tables = open_named_tables(line)) {
      return show(line, console, listing.read(*tables->view()), listing.text);
    }
    return show(line, console, Client(line.socket).get(listing.path), listing.text);
  }
  if (line.words[1] == "drains") {
    if (line.has("pins") || line.has("tables"))
      throw UsageError("drains are the daemon's: it alone counts them");
    return show(line, console, Client(line.socket).get("/v1/drains"), drains_text);
  }
  throw UsageError(fmt::format("found {}, allowed is services, pools, backends or drains",
                               quote(line.words[1])));
}

int run_status(const CommandLine& line, Console& console) {
  return show(line, console, Client(line.socket).get("/v1/status"), status_text);
}

int run_stats(const CommandLine& line, Console& console) {
  if (const auto tables = open_named_tables(line)) {
    return show(line, console, stats_json(*tables->view(), {}, 0), stats_text);
  }
  return show(line, console, Client(line.socket).get("/v1/stats"), stats_text);
}

int run_version(const CommandLine&, Console& console) {
  console.out << fmt::format("belkactl {}, tables of layout {}\n", kVersion,
                             static_cast<int>(LAYOUT_VERSION));
  return kExitOk;
}

}  // namespace belka
