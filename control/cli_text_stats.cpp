// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "control/cli_text.h"
#include "control/split_spec.h"
#include "control/table_text.h"

namespace belka {
namespace {

using nlohmann::json;

// Nothing observed is `-`, which is not 0 %.
std::string share_text(const json& share) {
  return share.is_null() ? "-" : fmt::format("{:.2f} %", share.get<double>() * 100);
}

std::string interval_text(const json& observed) {
  if (observed.at("low").is_null()) return "-";
  return fmt::format("{:.2f} to {:.2f} %", observed.at("low").get<double>() * 100,
                     observed.at("high").get<double>() * 100);
}

std::string count_text(const json& count) { return count.dump(); }

std::string since_text(const json& since) {
  if (since.is_null()) return "counted since the tables were made";
  return fmt::format("counted for {:.1f} s, since generation {}", since.at("seconds").get<double>(),
                     since.at("generation").get<uint64_t>());
}

std::string service_text(const json& service) {
  TableText table({{"POOL"},
                   {"WANTED", Align::right},
                   {"IN FORCE", Align::right},
                   {"SLOTS", Align::right},
                   {"SYNS", Align::right},
                   {"OF ALL", Align::right},
                   {"95 % INTERVAL", Align::right},
                   {"PACKETS", Align::right},
                   {"OF ALL", Align::right},
                   {"BYTES", Align::right},
                   {"OF ALL", Align::right}});
  for (const json& pool : service.at("pools")) {
    const json& observed = pool.at("observed");
    const json &syns = observed.at("syns"), &packets = observed.at("packets");
    const json& bytes = observed.at("bytes");
    table.add({pool.at("name").get<std::string>(),
               format_percent(pool.at("wanted_ppm").get<uint32_t>()),
               percent_text(pool.at("in_force").get<double>()), count_text(pool.at("slots")),
               count_text(syns.at("count")), share_text(syns.at("share")), interval_text(syns),
               count_text(packets.at("count")), share_text(packets.at("share")),
               count_text(bytes.at("count")), share_text(bytes.at("share"))});
  }
  std::string text = fmt::format("service {}  {}  {} slots, {}\n", service_label(service),
                                 service.at("endpoint").get<std::string>(),
                                 count_text(service.at("slots")), since_text(service.at("since")));
  text += table.text();
  if (service.at("dropped").at("packets") != 0) {
    text += fmt::format("dropped for it, and in no share: {} packets, {} bytes\n",
                        count_text(service.at("dropped").at("packets")),
                        count_text(service.at("dropped").at("bytes")));
  }
  return text + "\n";
}

std::string check_text(const json& plane) {
  const std::string check = plane.at("check").get<std::string>();
  const std::string sum = count_text(plane.at("verdicts_sum"));
  if (check == "equal") return "= sum of verdicts";
  if (check == "moving") return fmt::format("and {} verdicts, still counting", sum);
  return fmt::format("but {} verdicts: THEY DIFFER", sum);
}

std::string plane_text(const json& plane) {
  const json& received = plane.at("received");
  std::string text = fmt::format(
      "plane {}: received {} packets {}, {} bytes\n", plane.at("name").get<std::string>(),
      count_text(received.at("packets")), check_text(plane), count_text(received.at("bytes")));
  if (plane.at("pins_refused") != 0) {
    text +=
        fmt::format("{} pins refused: their buckets were full, and the packets went by the slot\n",
                    count_text(plane.at("pins_refused")));
  }
  TableText table(
      {{"VERDICT"}, {"PACKETS", Align::right}, {"BYTES", Align::right}, {"ACTION"}, {"MEANING"}});
  for (const json& verdict : plane.at("verdicts")) {
    if (verdict.at("packets") == 0) continue;
    table.add({verdict.at("name").get<std::string>(), count_text(verdict.at("packets")),
               count_text(verdict.at("bytes")), verdict.at("action").get<std::string>(),
               verdict.at("help").get<std::string>()});
  }
  return text + (table.empty() ? "" : table.text());
}

}  // namespace

std::string stats_text(const json& answer) {
  std::string text;
  for (const json& service : answer.at("services")) text += service_text(service);
  if (text.empty()) text = "no services\n\n";
  std::string gap;
  for (const json& plane : answer.at("planes")) {
    text += gap + plane_text(plane);
    gap = "\n";
  }
  return text;
}

}  // namespace belka
