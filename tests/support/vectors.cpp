// SPDX-License-Identifier: Apache-2.0
#include "tests/support/vectors.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace belka {
namespace {

using nlohmann::json;

BackendSpec backend_from(const std::string& number, const json& from) {
  BackendSpec spec;
  spec.number = static_cast<uint16_t>(std::stoul(number));
  spec.address = from.at("address");
  std::string mac = from.at("mac");
  std::erase(mac, ':');
  std::ranges::copy(from_hex(mac), spec.mac.begin());
  spec.mode = from.at("mode") == "ipip" ? FORWARD_IPIP : FORWARD_L2;
  const std::string state = from.at("state");
  spec.state = state == "ready"  ? BACKEND_READY
               : state == "free" ? BACKEND_FREE
                                 : BACKEND_UNRESOLVED;
  spec.ifindex = from.at("interface");
  spec.mtu = from.at("mtu");
  if (!from.at("outer_source").is_null()) spec.outer_source = from.at("outer_source");
  spec.down = from.at("down");
  return spec;
}

ServiceSpec service_from(const json& from) {
  ServiceSpec spec;
  spec.vip = from.at("vip");
  spec.port = from.at("port");
  spec.protocol = from.at("protocol") == "tcp" ? 6 : 17;
  const std::string hash = from.at("hash");
  if (hash.starts_with("source/"))
    spec.source_bits = static_cast<uint8_t>(std::stoul(hash.substr(7)));
  spec.slots = from.at("slots");
  spec.ring = from.at("ring").get<std::vector<uint16_t>>();
  spec.draining = from.at("draining").get<std::vector<uint16_t>>();
  spec.tombstones = from.at("tombstones");
  return spec;
}

std::vector<PlacedPin> pins_from(const json& from) {
  std::vector<PlacedPin> pins;
  for (const json& pin : from) pins.push_back({pin.at(0), pin.at(1), pin.at(2)});
  return pins;
}

DataPlane data_plane_from(const std::string& text) {
  if (text == "fresh") return DataPlane::fresh;
  if (text == "stale") return DataPlane::stale;
  if (text == "no-socket") return DataPlane::no_socket;
  if (text == "ahead") return DataPlane::ahead;
  if (text == "no-beat") return DataPlane::no_beat;
  if (text == "absent") return DataPlane::absent;
  throw std::invalid_argument("no such state of the data plane: " + text);
}

Vector vector_from(const json& from) {
  Vector vector;
  vector.name = from.at("name");
  for (const json& service : from.at("tables").at("services")) {
    vector.tables.services.push_back(service_from(service));
  }
  for (const auto& [number, backend] : from.at("tables").at("backends").items()) {
    vector.tables.backends.push_back(backend_from(number, backend));
  }
  vector.tables.tick = from.at("tables").at("tick");
  vector.tables.pins = pins_from(from.at("tables").at("pins"));
  vector.packet = from_hex(from.at("packet").get<std::string>());
  vector.verdict = verdict_of(from.at("verdict"));
  if (!from.at("out").is_null()) vector.out = from_hex(from.at("out").get<std::string>());
  vector.backend = from.at("backend");
  vector.new_connection = from.at("new_connection");
  vector.dropped_of = from.at("dropped_of");
  vector.conditions.headroom_bytes = from.at("headroom");
  vector.conditions.data_plane = data_plane_from(from.at("plane"));
  vector.conditions.transmit_full = from.at("transmit") == "full";
  vector.conditions.echo = from.at("echo") == "empty" ? EchoBucket::empty : EchoBucket::full;
  if (!from.at("bucket").is_null()) vector.pin_bucket = from.at("bucket");
  vector.pins = pins_from(from.at("pins"));
  vector.pins_refused = from.at("refused");
  vector.only = from.at("only").get<std::vector<std::string>>();
  return vector;
}

}  // namespace

bool Vector::is_for(const std::string& executor) const {
  return only.empty() || std::ranges::find(only, executor) != only.end();
}

std::vector<Vector> load_vectors() {
  const char* given = std::getenv("BELKA_VECTORS");
  const std::filesystem::path directory = given ? given : "build/vectors";
  std::vector<Vector> vectors;
  if (std::filesystem::is_directory(directory)) {
    for (const auto& file : std::filesystem::directory_iterator(directory)) {
      if (file.path().extension() != ".json") continue;
      std::ifstream stream(file.path());
      for (const json& vector : json::parse(stream)) vectors.push_back(vector_from(vector));
    }
  }
  if (vectors.empty()) {
    throw std::runtime_error("no vectors in " + directory.string() + ": run make vectors");
  }
  std::ranges::sort(vectors, {}, &Vector::name);
  return vectors;
}

}  // namespace belka
