// SPDX-License-Identifier: Apache-2.0
#include "control/cli_text.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <ctime>

#include "control/split_spec.h"
#include "control/table_text.h"

namespace belka {
namespace {

using nlohmann::json;

std::string text_of(const json& value) {
  if (value.is_null()) return "-";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string wanted_text(const json& pool) {
  const std::string share = format_percent(pool.at("wanted_ppm").get<uint32_t>());
  return pool.at("match").get<bool>() ? share + " (match)" : share;
}

// `prod 90 %, canary 5 %`: what is in force.
std::string split_text(const json& pools) {
  std::string text;
  for (const json& pool : pools) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", text_of(pool.at("name")),
                        percent_text(pool.at("in_force").get<double>()));
  }
  return text;
}

std::string time_text(int64_t seconds) {
  const auto time = static_cast<time_t>(seconds);
  struct tm utc {};
  char text[32] = "";
  if (gmtime_r(&time, &utc) != nullptr)
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

std::string heartbeat_text(const json& queue) {
  if (queue.at("age_us").is_null()) return text_of(queue.at("heartbeat"));
  const double age_ms = queue.at("age_us").get<double>() / 1000;
  return fmt::format("{}, {:.1f} ms{}", text_of(queue.at("heartbeat")), std::abs(age_ms),
                     age_ms < 0 ? " ahead" : "");
}

std::string interfaces_text(const json& interfaces) {
  TableText table({{"INTERFACE"}, {"XDP"}, {"QUEUE", Align::right}, {"HEARTBEAT"}, {"PLANE"}});
  std::string notes;
  for (const json& interface : interfaces) {
    const std::string name = text_of(interface.at("name"));
    const std::string xdp =
        interface.at("attached").get<bool>() ? text_of(interface.at("mode")) : "not attached";
    for (const json& queue : interface.at("queues")) {
      table.add({name, xdp, text_of(queue.at("queue")), heartbeat_text(queue),
                 text_of(queue.at("plane"))});
    }
    const std::string note = text_of(interface.at("note"));
    if (!note.empty()) notes += fmt::format("{}: {}\n", name, note);
  }
  return table.empty() ? "no interface has Belka's XDP program\n" : table.text() + notes;
}

std::string service_lines(const json& services) {
  TableText table({{"SERVICE"}, {"VIP"}, {"FORWARD"}, {"SLOTS", Align::right}, {"IN FORCE"}});
  for (const json& service : services) {
    table.add({service_label(service), text_of(service.at("endpoint")),
               text_of(service.at("forward")), text_of(service.at("slots")),
               split_text(service.at("pools"))});
  }
  return table.empty() ? "no services\n" : table.text();
}

std::string checks_line(const json& checks) {
  if (checks.at("backends") == 0) return "";
  const std::string lack = checks.value("lack", "");  // a daemon before this version has none
  return fmt::format("checks         {} backends, {} passed, {} failed, {} postponed{}\n",
                     text_of(checks.at("backends")), text_of(checks.at("passed")),
                     text_of(checks.at("failed")), text_of(checks.at("postponed")),
                     lack.empty() ? "" : "; all wait: " + lack);
}

// Backends that cannot be checked (of which a daemon before this version does not say).
std::string unchecked_text(const json& answer) {
  TableText unchecked({{"NOT CHECKED"}, {"SERVICE"}, {"POOL"}, {"WHY"}});
  for (const json& backend : answer.value("unchecked", json::array())) {
    unchecked.add({text_of(backend.at("address")), text_of(backend.at("service")),
                   text_of(backend.at("pool")), text_of(backend.at("reason"))});
  }
  return unchecked.empty() ? "" : "\n" + unchecked.text();
}

// What is to be looked at: pools that fall back, backends that get no new connections.
std::string health_text(const json& answer) {
  TableText fallbacks(
      {{"FALLS BACK"}, {"SERVICE"}, {"UP", Align::right}, {"BACKENDS", Align::right}, {"TO"}});
  for (const json& pool : answer.at("fallbacks")) {
    fallbacks.add({text_of(pool.at("pool")), text_of(pool.at("service")), text_of(pool.at("up")),
                   text_of(pool.at("backends")), text_of(pool.at("fallback"))});
  }
  TableText down({{"NOT UP"}, {"SERVICE"}, {"POOL"}, {"STANDING"}, {"WHY"}});
  for (const json& backend : answer.at("down")) {
    const std::string reason = text_of(backend.at("reason"));
    down.add({text_of(backend.at("address")), text_of(backend.at("service")),
              text_of(backend.at("pool")), text_of(backend.at("standing")),
              reason.empty() ? "-" : reason});
  }
  return (fallbacks.empty() ? "" : "\n" + fallbacks.text()) +
         (down.empty() ? "" : "\n" + down.text()) + unchecked_text(answer);
}

}  // namespace

std::string service_label(const json& entry, const char* name, const char* removed) {
  return text_of(entry.at(name)) + (entry.value(removed, false) ? " (removed)" : "");
}

std::string services_text(const json& answer) {
  TableText table(
      {{"NAME"}, {"VIP"}, {"HASH"}, {"FORWARD"}, {"SLOTS", Align::right}, {"IN FORCE"}});
  for (const json& service : answer.at("services")) {
    table.add({service_label(service), text_of(service.at("endpoint")), text_of(service.at("hash")),
               text_of(service.at("forward")), text_of(service.at("slots")),
               split_text(service.at("pools"))});
  }
  return table.text();
}

std::string pools_text(const json& answer) {
  TableText table({{"SERVICE"},
                   {"POOL"},
                   {"WANTED", Align::right},
                   {"IN FORCE", Align::right},
                   {"SLOTS", Align::right},
                   {"BACKENDS", Align::right},
                   {"READY", Align::right},
                   {"UP", Align::right},
                   {"FALLBACK"}});
  for (const json& pool : answer.at("pools")) {
    table.add({service_label(pool, "service", "service_removed"), text_of(pool.at("name")),
               wanted_text(pool), percent_text(pool.at("in_force").get<double>()),
               text_of(pool.at("slots")), text_of(pool.at("backends")), text_of(pool.at("ready")),
               text_of(pool.at("up")), text_of(pool.at("fallback"))});
  }
  return table.text();
}

std::string backends_text(const json& answer) {
  TableText table({{"SERVICE"},
                   {"POOL"},
                   {"ADDRESS"},
                   {"NUMBER", Align::right},
                   {"WEIGHT", Align::right},
                   {"SLOTS", Align::right},
                   {"STATE"},
                   {"STANDING"},
                   {"NEXT HOP"},
                   {"INTERFACE"},
                   {"PACKETS", Align::right},
                   {"BYTES", Align::right},
                   {"SYNS", Align::right}});
  for (const json& backend : answer.at("backends")) {
    const json& total = backend.at("total");
    table.add({service_label(backend, "service", "service_removed"), text_of(backend.at("pool")),
               text_of(backend.at("address")), text_of(backend.at("number")),
               text_of(backend.at("weight")), text_of(backend.at("slots")),
               text_of(backend.at("state")), text_of(backend.at("standing")),
               text_of(backend.at("next_hop")), text_of(backend.at("interface")),
               text_of(total.at("packets")), text_of(total.at("bytes")),
               text_of(total.at("syns"))});
  }
  return table.text();
}

std::string status_text(const json& answer) {
  std::string text = fmt::format("belkad         {}, tables of layout {}, generation {}\n",
                                 text_of(answer.at("version")), text_of(answer.at("layout")),
                                 text_of(answer.at("generation")));
  text += fmt::format("instance       {}\n", text_of(answer.at("instance")));
  const json& applied = answer.at("applied");
  if (!applied.is_null()) {
    text +=
        fmt::format("configuration  {}, digest {}, applied {}\n", text_of(applied.at("file")),
                    text_of(applied.at("digest")), time_text(applied.at("time_s").get<int64_t>()));
  }
  text += checks_line(answer.at("checks"));
  text += "\n" + interfaces_text(answer.at("interfaces"));
  text += "\n" + service_lines(answer.at("services"));
  TableText unresolved({{"UNRESOLVED"}, {"SERVICE"}, {"POOL"}, {"WHY"}});
  for (const json& backend : answer.at("unresolved")) {
    unresolved.add({text_of(backend.at("address")), text_of(backend.at("service")),
                    text_of(backend.at("pool")), text_of(backend.at("reason"))});
  }
  if (!unresolved.empty()) text += "\n" + unresolved.text();
  return text + health_text(answer);
}

}  // namespace belka
