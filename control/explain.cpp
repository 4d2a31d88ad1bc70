// SPDX-License-Identifier: Apache-2.0
#include "control/explain.h"

#include <fmt/format.h>

#include <cstring>
#include <optional>

#include "control/ring.h"
#include "control/stats.h"
#include "control/table_views.h"
#include "split/classify.h"
#include "split/decide.h"
#include "split/forward.h"
#include "split/hash.h"
#include "split/parse.h"

namespace belka {
namespace {

using nlohmann::json;

json packet_json(const struct packet& packet, const Flow& flow, size_t frame_bytes) {
  return {{"source", flow.source.text()},
          {"source_port", flow.source_port},
          {"destination", flow.destination.text()},
          {"destination_port", flow.destination_port},
          {"protocol", protocol_name(flow.protocol)},
          {"family", packet.family},
          {"frame_bytes", frame_bytes},
          {"ip_bytes", packet.l3_bytes},
          {"ttl", packet.hop_limit},
          {"syn", packet_is_new_connection(&packet) != 0}};
}

json service_json(const struct choice& choice, const std::optional<ServiceView>& service) {
  return {{"number", choice.service},
          {"name", service ? service->name : ""},
          {"endpoint", service ? vip_text(*service) : ""},
          {"forward", service ? mode_name(service->mode) : ""},
          {"hash",
           choice.source_bits == 0 ? "five-tuple" : fmt::format("source/{}", choice.source_bits)},
          {"slots", choice.slot_mask + 1},
          {"slot_base", choice.slot_base}};
}

// The slot's place in the order by which the pools divide the ring.
uint32_t rank_of(const struct choice& choice, uint32_t slot) {
  const std::vector<uint32_t> slot_of_rank =
      rank_slots({.k0 = choice.hash_key[0], .k1 = choice.hash_key[1]}, choice.slot_mask + 1);
  uint32_t rank = 0;
  while (slot_of_rank[rank] != slot) rank++;
  return rank;
}

json pool_json(const std::optional<ServiceView>& service, uint8_t index) {
  if (!service || index >= service->pools.size()) return nullptr;
  const PoolView& pool = service->pools[index];
  return {{"name", pool.name},
          {"wanted_ppm", pool.wanted_ppm},
          {"match", pool.match},
          {"slots", pool.slots},
          {"in_force", service->slots ? double(pool.slots) / service->slots : 0.0}};
}

json backend_json(const struct backend& backend, uint16_t number) {
  Address address{.bytes = {}, .family = backend.family};
  std::memcpy(address.bytes.data(), backend.address, sizeof backend.address);
  return {{"number", number},
          {"address", address.text()},
          {"weight", backend.weight},
          {"forward", mode_name(backend.next_hop.part.mode)}};
}

json next_hop_json(const struct tables& tables, const struct backend& backend,
                   NextHopSource known) {
  const union next_hop& hop = backend.next_hop;
  if (known == NextHopSource::unknown) return {{"state", "unknown"}};
  if (hop.part.state != BACKEND_READY) return {{"state", state_name(hop.part.state)}};
  return {{"state", "ready"},
          {"mac", mac_text(hop.part.mac)},
          {"source_mac", mac_text(backend.source_mac)},
          {"interface", interface_name(tables, backend.ifindex)},
          {"mtu_bytes", backend.mtu}};
}

uint32_t incoming_interface(const struct tables& tables, uint32_t towards_backend) {
  uint32_t first = 0;
  for (uint32_t i = 0; i < INTERFACES; i++) {
    const uint32_t ifindex = tables.interfaces[i].ifindex;
    if (ifindex != 0 && ifindex == towards_backend) return ifindex;
    if (first == 0) first = ifindex;
  }
  return first != 0 ? first : towards_backend;  // a file of tables knows no interfaces
}

// As the backend will stand in the tables once its next hop is known.
struct backend with_next_hop(struct backend backend) {
  if (backend.next_hop.part.state != BACKEND_UNRESOLVED) return backend;
  backend.next_hop.part.state = BACKEND_READY;
  backend.mtu = UINT16_MAX;
  return backend;
}

json verdict_json(enum verdict verdict, bool assumed) {
  return {{"name", verdict_name(verdict)},
          {"action", verdict_action(verdict)},
          {"help", verdict_help(verdict)},
          {"assumed", assumed}};
}

constexpr uint16_t kAnyWriter = 1;

std::string state_of(uint32_t word) {
  if (slot_is_opening(word)) return fmt::format("opening, from backend {}", slot_draining(word));
  return slot_draining(word) == SLOT_HOLD ? "held: about to change" : "looking for pins";
}

// What the planes would read of it, for nobody else to see what is put in.
struct pin_bucket copy_of(const struct pin_bucket& bucket) {
  struct pin_bucket copy {};
  for (int i = 0; i < PINS_PER_BUCKET; i++) copy.pin[i] = LOAD_RELAXED(bucket.pin[i]);
  return copy;
}

json pin_json(const struct tables& tables, uint64_t pin) {
  if (pin == 0 || backend_is_down(&tables, pin_backend(pin))) return nullptr;
  return pin_backend(pin);
}

// The backend of this packet by its slot, and in one that moves by its connection's pin. The pin
// that the packet would leave is not left.
uint16_t backend_of(const struct tables& tables, const struct packet& packet,
                    const struct choice& choice, uint64_t hash, json& slot_json) {
  const uint32_t slot = slot_index(&choice, hash);
  const uint32_t word = slot_word(&tables, slot);
  if (slot_is_settled(word)) return slot_current(word);
  const uint64_t own_hash = connection_hash(&choice, &packet, hash);
  const uint64_t identity = pin_identity(slot, own_hash);
  struct pin_bucket bucket = copy_of(*pins_at(&tables, pin_bucket_of(own_hash)));
  uint64_t* at = nullptr;
  slot_json["state"] = state_of(word);
  slot_json["pin"] = pin_json(tables, pin_find(&bucket, identity, &at));
  const uint64_t seen = seen_of(word, tick_now(&tables), kAnyWriter);
  return static_cast<uint16_t>(decide_by(&tables, &bucket, identity, &packet, seen));
}

// From the slot to the verdict: what a packet with a service goes through.
void explain_split(const struct tables& tables, const struct packet& packet,
                   const struct choice& choice, NextHopSource next_hops, json& answer) {
  const auto service = view_service(tables, choice.service);
  answer["service"] = service_json(choice, service);
  const uint64_t hash = hash_flow(&choice, &packet);
  answer["hash"] = fmt::format("{:#018x}", hash);
  const uint32_t slot = slot_index(&choice, hash);
  answer["slot"] = {{"number", slot - choice.slot_base}, {"index", slot}};
  const uint16_t number = backend_of(tables, packet, choice, hash, answer["slot"]);
  answer["rank"] = rank_of(choice, slot - choice.slot_base);
  struct backend backend = *backend_at(&tables, number);
  if (number != 0) {
    // That of one that leaves is of the past: its number may be another pool's by now.
    if (backend.draining == 0) answer["pool"] = pool_json(service, backend.pool);
    answer["backend"] = backend_json(backend, number);
    answer["next_hop"] = next_hop_json(tables, backend, next_hops);
  }
  if (next_hops == NextHopSource::unknown) backend = with_next_hop(backend);
  struct route route {};
  enum verdict verdict =
      forward_check(&packet, &backend, incoming_interface(tables, backend.ifindex), &route);
  if (verdict == VERDICT_none) verdict = forward_verdict(&route);
  answer["verdict"] = verdict_json(verdict, number != 0 && next_hops == NextHopSource::unknown);
}

}  // namespace

json explain_json(const struct tables& tables, const Flow& flow, NextHopSource next_hops) {
  const std::vector<uint8_t> frame = first_frame(flow);
  struct packet packet {};
  struct choice choice {};
  const enum verdict parsed = parse(frame.data(), frame.data() + frame.size(),
                                    static_cast<uint32_t>(frame.size()), &packet);
  const enum verdict verdict = classify(&tables, &packet, parsed, &choice);
  json answer = {{"flow", flow_text(flow)}, {"packet", packet_json(packet, flow, frame.size())},
                 {"service", nullptr},      {"hash", nullptr},
                 {"slot", nullptr},         {"rank", nullptr},
                 {"pool", nullptr},         {"backend", nullptr},
                 {"next_hop", nullptr},     {"verdict", nullptr}};
  if (verdict == VERDICT_none) {
    explain_split(tables, packet, choice, next_hops, answer);
  } else {
    answer["verdict"] = verdict_json(verdict, false);
  }
  return answer;
}

}  // namespace belka
