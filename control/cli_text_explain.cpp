// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "control/cli_text.h"
#include "control/split_spec.h"
#include "control/table_text.h"

namespace belka {
namespace {

using nlohmann::json;

std::string word(const json& value, const char* field) {
  return value.at(field).get<std::string>();
}

std::string number(const json& value, const char* field) { return value.at(field).dump(); }

std::string stage(const char* name, const std::string& text) {
  return fmt::format("{:<9}  {}\n", name, text);
}

std::string packet_text(const json& packet) {
  return fmt::format("{}, {} bytes of IP{}, TTL {}", word(packet, "protocol"),
                     number(packet, "ip_bytes"), packet.at("syn").get<bool>() ? ", SYN" : "",
                     number(packet, "ttl"));
}

std::string matched_service_text(const json& service) {
  return fmt::format("{} (number {}), {}, hash {}, {} slots from {}", word(service, "name"),
                     number(service, "number"), word(service, "endpoint"), word(service, "hash"),
                     number(service, "slots"), number(service, "slot_base"));
}

std::string pool_text(const json& pool) {
  return fmt::format("{}, wanted {}, in force {} ({} slots)", word(pool, "name"),
                     format_percent(pool.at("wanted_ppm").get<uint32_t>()),
                     percent_text(pool.at("in_force").get<double>()), number(pool, "slots"));
}

std::string next_hop_text(const json& hop) {
  std::string state = word(hop, "state");
  if (state == "unknown") return "not known without a daemon";
  if (state != "ready") return state;
  return fmt::format("{} by {}, from {}, MTU {} bytes", word(hop, "mac"), word(hop, "interface"),
                     word(hop, "source_mac"), number(hop, "mtu_bytes"));
}

std::string verdict_text(const json& verdict) {
  return fmt::format("{} ({}): {}{}", word(verdict, "name"), word(verdict, "action"),
                     word(verdict, "help"),
                     verdict.at("assumed").get<bool>() ? ", once its next hop is found" : "");
}

// Of a slot that is not settled.
std::string moving_text(const json& slot) {
  if (!slot.contains("state")) return "";
  const json& pin = slot.at("pin");
  return fmt::format(", {}, {}", word(slot, "state"),
                     pin.is_null() ? "no pin" : "pinned to backend " + pin.dump());
}

}  // namespace

std::string explain_text(const json& answer) {
  std::string text = stage("flow", word(answer, "flow"));
  text += stage("packet", packet_text(answer.at("packet")));
  const json& service = answer.at("service");
  text += stage("service", service.is_null() ? "none" : matched_service_text(service));
  if (!service.is_null()) {
    text += stage("hash", word(answer, "hash"));
    text += stage("slot", fmt::format("{} of {}{}", number(answer.at("slot"), "number"),
                                      number(service, "slots"), moving_text(answer.at("slot"))));
    text += stage("rank", number(answer, "rank"));
    const json &pool = answer.at("pool"), &backend = answer.at("backend");
    text += stage("pool", pool.is_null() ? "none" : pool_text(pool));
    text +=
        stage("backend", backend.is_null()
                             ? "none"
                             : fmt::format("{} (number {}), weight {}, {}",
                                           word(backend, "address"), number(backend, "number"),
                                           number(backend, "weight"), word(backend, "forward")));
    if (!answer.at("next_hop").is_null())
      text += stage("next hop", next_hop_text(answer.at("next_hop")));
  }
  return text + stage("verdict", verdict_text(answer.at("verdict")));
}

}  // namespace belka
