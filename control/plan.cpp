// SPDX-License-Identifier: Apache-2.0
#include "control/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "control/config_duration.h"
#include "control/config_values.h"
#include "control/split_check.h"

namespace belka {
namespace {

constexpr std::string_view kOtherSeed = "another seed";

std::string endpoint_setting(const ServiceConfig& service) {
  const std::string vip = service.vip.text();
  return fmt::format("{}:{}/{}", service.vip.family == 6 ? "[" + vip + "]" : vip,
                     service.port == 0 ? "all" : std::to_string(service.port),
                     service.protocol == 6 ? "tcp" : "udp");
}

std::string hash_setting(const ServiceConfig& service) {
  const uint8_t bits = source_bits(service);
  return bits == 0 ? "five-tuple" : fmt::format("source/{}", bits);
}

std::string_view forward_text(ForwardMode mode) { return mode == ForwardMode::l2 ? "l2" : "ipip"; }

std::string order_text(const ServiceConfig& service) {
  std::string order;
  for (const PoolConfig& pool : service.pools) order += (order.empty() ? "" : ",") + pool.name;
  return order;
}

std::string check_text(const ServiceConfig& service) {
  return service.health ? health_text(*service.health) : "none";
}

const PoolConfig* find_pool(const HeldService* service, const std::string& name) {
  if (service == nullptr) return nullptr;
  for (const PoolConfig& pool : service->config.pools)
    if (pool.name == name) return &pool;
  return nullptr;
}

std::vector<std::string> compare_settings(const HeldService& held_before,
                                          const HeldService& held_after) {
  const ServiceConfig& before = held_before.config;
  const ServiceConfig& after = held_after.config;
  std::vector<std::string> settings;
  const auto compare = [&](std::string_view what, const auto& old_value, const auto& new_value) {
    if (old_value != new_value)
      settings.push_back(fmt::format("{} {} -> {}", what, old_value, new_value));
  };
  compare("vip", endpoint_setting(before), endpoint_setting(after));
  compare("hash", hash_setting(before), hash_setting(after));
  compare("slots", before.slots, after.slots);
  compare("forward", forward_text(before.forward), forward_text(after.forward));
  compare("pools", order_text(before), order_text(after));
  compare("idle", format_duration(before.idle_ms), format_duration(after.idle_ms));
  if (!held_before.whole) return settings;  // the tables do not keep the others
  compare("health", check_text(before), check_text(after));
  for (const PoolConfig& pool : after.pools) {
    const PoolConfig* old_pool = find_pool(&held_before, pool.name);
    if (old_pool == nullptr) continue;
    compare(pool.name + " fallback", fallback_text(old_pool->fallback),
            fallback_text(pool.fallback));
    compare(pool.name + " min_healthy", fmt::format("{}%", old_pool->min_healthy_percent),
            fmt::format("{}%", pool.min_healthy_percent));
  }
  return settings;
}

// What no draining helps with: packets of a connection no longer find the slot that they had, or
// another service.
void note_breaking_settings(PlanService& plan) {
  using AllMove = PlanService::AllMove;
  constexpr std::pair<std::string_view, AllMove> kBreaking[] = {{"vip ", AllMove::vip},
                                                                {"hash ", AllMove::hash},
                                                                {"slots ", AllMove::hash},
                                                                {"forward ", AllMove::forward}};
  for (const std::string& setting : plan.settings) {
    for (const auto& [what, move] : kBreaking) {
      if (!setting.starts_with(what)) continue;
      plan.breaks += (plan.breaks.empty() ? "" : ", ") + setting;
      plan.all_move = std::max(plan.all_move, move);
    }
  }
}

void compare_backends(const PoolConfig* before, const PoolConfig* after, PlanPool& plan) {
  std::map<Address, uint32_t> gone;
  if (before != nullptr)
    for (const BackendConfig& backend : before->backends) gone[backend.address] = backend.weight;
  if (after != nullptr) {
    for (const BackendConfig& backend : after->backends) {
      const auto old = gone.find(backend.address);
      if (old == gone.end()) {
        plan.added.push_back(backend);
        continue;
      }
      if (old->second != backend.weight)
        plan.weights.push_back({backend.address, old->second, backend.weight});
      gone.erase(old);
    }
  }
  for (const auto& [address, weight] : gone) plan.removed.push_back({address, weight});
}

uint32_t slots_of(const HeldService* service, const PoolConfig* pool) {
  if (service == nullptr || pool == nullptr) return 0;
  return service->pool_slots(static_cast<size_t>(pool - service->config.pools.data()));
}

PlanPool compare_pools(const std::string& name, const HeldService* before,
                       const HeldService* after) {
  PlanPool plan;
  plan.name = name;
  const PoolConfig* old_pool = find_pool(before, name);
  const PoolConfig* new_pool = find_pool(after, name);
  if (old_pool != nullptr) plan.wanted_ppm_before = wanted_ppm(before->config, *old_pool);
  if (new_pool != nullptr) plan.wanted_ppm_after = wanted_ppm(after->config, *new_pool);
  plan.match = new_pool != nullptr && new_pool->match;
  plan.slots_before = slots_of(before, old_pool);
  plan.slots_after = slots_of(after, new_pool);
  compare_backends(old_pool, new_pool, plan);
  return plan;
}

bool differs(const PlanPool& pool, const HeldService* before, const HeldService* after) {
  const PoolConfig* old_pool = find_pool(before, pool.name);
  const PoolConfig* new_pool = find_pool(after, pool.name);
  return old_pool == nullptr || new_pool == nullptr || old_pool->match != new_pool->match ||
         pool.wanted_ppm_before != pool.wanted_ppm_after || pool.slots_before != pool.slots_after ||
         !pool.added.empty() || !pool.removed.empty() || !pool.weights.empty();
}

// One that cannot be reached has no connections either.
bool has_key_of(const TableView& tables, const HeldService& service, const Seed& seed) {
  const TableKey table_key = key_of(service.config);
  choice found{};
  if (!service_find(&tables, &table_key, &found) || found.service != service.number) return true;
  const SipKey key = service_key(seed, service.config.name);
  return found.hash_key[0] == key.k0 && found.hash_key[1] == key.k1;
}

}  // namespace

PlanService compare_services(const HeldService* before, const HeldService* after) {
  PlanService plan;
  plan.name = (after != nullptr ? after : before)->config.name;
  plan.slots_before = before != nullptr ? before->config.slots : 0;
  plan.slots_after = after != nullptr ? after->config.slots : 0;
  if (after != nullptr)
    for (const PoolConfig& pool : after->config.pools)
      plan.pools.push_back(compare_pools(pool.name, before, after));
  if (before != nullptr)
    for (const PoolConfig& pool : before->config.pools)
      if (find_pool(after, pool.name) == nullptr)
        plan.pools.push_back(compare_pools(pool.name, before, after));
  if (before == nullptr || after == nullptr) {
    plan.kind = before == nullptr ? PlanService::Kind::added : PlanService::Kind::removed;
    return plan;
  }
  plan.settings = compare_settings(*before, *after);
  note_breaking_settings(plan);
  const bool is_changed =
      !plan.settings.empty() ||
      std::any_of(plan.pools.begin(), plan.pools.end(),
                  [&](const PlanPool& pool) { return differs(pool, before, after); });
  plan.kind = is_changed ? PlanService::Kind::changed : PlanService::Kind::unchanged;
  return plan;
}

void PlanService::note_moved(uint32_t slots, uint32_t to_other_pool) {
  const uint32_t all = std::max(slots_before, slots_after);
  const auto has_slots = [](const PlanPool& pool) {
    return pool.slots_before != 0 || pool.slots_after != 0;
  };
  const bool any_other = std::count_if(pools.begin(), pools.end(), has_slots) > 1;
  slots_moved = all_move == AllMove::no ? slots : all;
  slots_to_other_pool = all_move == AllMove::hash && any_other ? all : to_other_pool;
}

// Of the services of which nothing else is to be said.
std::string Plan::seed_break() const {
  uint32_t slots = 0, count = 0;
  for (const PlanService& service : services) {
    if (service.breaks != kOtherSeed) continue;
    slots += service.slots_moved;
    ++count;
  }
  if (count == 0) return "";
  return fmt::format(
      "{} breaks connections: all {} slots of {} service{} move, and nothing is kept; pass "
      "--break-connections to do it all the same",
      kOtherSeed, slots, count, count == 1 ? "" : "s");
}

std::vector<std::string> Plan::breaks() const {
  std::vector<std::string> sentences;
  if (std::string sentence = seed_break(); !sentence.empty())
    sentences.push_back(std::move(sentence));
  for (const PlanService& service : services) {
    if (service.breaks.empty() || service.breaks == kOtherSeed) continue;
    const uint32_t all = std::max(service.slots_before, service.slots_after);
    const std::string moved =
        service.slots_moved == 0 ? ""
        : service.slots_moved == all
            ? fmt::format("all {} slots move, and ", all)
            : fmt::format("{} of {} slots move, and ", service.slots_moved, all);
    sentences.push_back(
        fmt::format("service {}: {} breaks connections: {}nothing is kept; pass "
                    "--break-connections to do it all the same",
                    service.name, service.breaks, moved));
  }
  return sentences;
}

void note_other_seed(const TableView& tables, const Holdings& holdings, const Seed& seed,
                     Plan& plan) {
  for (const auto& [name, service] : holdings.services) {
    if (has_key_of(tables, service, seed)) continue;
    plan.other_seed = true;
    auto each = std::ranges::find(plan.services, name, &PlanService::name);
    if (each == plan.services.end()) {
      if (!service.draining) --plan.unchanged;
      plan.services.push_back(compare_services(&service, service.draining ? nullptr : &service));
      each = plan.services.end() - 1;
    }
    if (each->kind != PlanService::Kind::removed) each->kind = PlanService::Kind::changed;
    each->repair = false;
    each->settings.emplace_back(kOtherSeed);
    each->breaks += fmt::format("{}{}", each->breaks.empty() ? "" : ", ", kOtherSeed);
    each->all_move = std::max(each->all_move, PlanService::AllMove::hash);
    each->note_moved(each->slots_moved, each->slots_to_other_pool);
  }
}

uint32_t Plan::slots_moved() const {
  uint32_t moved = 0;
  for (const PlanService& service : services) moved += service.slots_moved;
  return moved;
}

}  // namespace belka
