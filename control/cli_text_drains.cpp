// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "control/cli_text.h"
#include "control/config_duration.h"
#include "control/table_text.h"

namespace belka {
namespace {

using nlohmann::json;

std::string number(const json& value) { return std::to_string(value.get<uint64_t>()); }

std::string seconds(const json& value) {
  return value.get<uint64_t>() == 0 ? "-" : number(value) + " s";
}

std::string limit(const json& limit_ms) {
  const auto ms = limit_ms.get<uint32_t>();
  return ms == 0 ? "-" : format_duration(ms);
}

std::string addresses(const json& leaving) {
  std::string text;
  for (const json& address : leaving)
    text += (text.empty() ? "" : ", ") + address.get<std::string>();
  return text.empty() ? "-" : text;
}

}  // namespace

std::string drains_text(const json& drains) {
  TableText table({{"SERVICE"},
                   {"HELD", Align::right},
                   {"OPENING", Align::right},
                   {"LOOKING", Align::right},
                   {"CONNECTIONS", Align::right},
                   {"OLDEST", Align::right},
                   {"LIMIT", Align::right},
                   {"LEAVING"},
                   {"WAITS FOR"}});
  for (const json& service : drains.at("services")) {
    table.add({service_label(service), number(service.at("held")), number(service.at("opening")),
               number(service.at("looking")), number(service.at("connections")),
               seconds(service.at("oldest_s")), limit(service.at("limit_ms")),
               addresses(service.at("leaving")), service.at("waits_for").get<std::string>()});
  }
  return (table.empty() ? "nothing drains\n" : table.text()) +
         fmt::format("{} connections are pinned, {} found no place\n", number(drains.at("pins")),
                     number(drains.at("pins_refused")));
}

}  // namespace belka
