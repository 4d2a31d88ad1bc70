// SPDX-License-Identifier: Apache-2.0
#include "control/health_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "control/log.h"
#include "control/table_views.h"

namespace belka {
namespace {

HealthTarget target_of(const HeldService& service, const HeldBackend& backend,
                       const TableView& tables) {
  const HealthConfig& health = *service.config.health;
  return {.id = backend.number,
          .address = backend.address,
          .config = health,
          .port = health.port != 0 ? health.port : service.config.port,
          .starts_up = (tables.backends[backend.number].down & BACKEND_UNHEALTHY) == 0};
}

}  // namespace

void HealthWatch::follow(Publisher& publisher) {
  std::vector<HealthTarget> targets;
  for (const auto& [name, service] : publisher.holdings().services) {
    if (!service.config.health || service.draining) continue;
    for (const auto* held : {&service.backends, &service.leaving})
      for (const HeldBackend& backend : *held)
        targets.push_back(target_of(service, backend, publisher.tables()));
  }
  backends_ = targets.size();
  std::vector<std::pair<uint32_t, bool>> in_tables;
  in_tables.reserve(targets.size());
  for (const HealthTarget& target : targets) in_tables.emplace_back(target.id, target.starts_up);
  checker_.set_targets(std::move(targets));
  std::vector<HealthNote> notes;
  for (const auto& [id, up] : in_tables) {
    const auto view = checker_.view(id);
    if (view && view->up != up) notes.push_back({static_cast<uint16_t>(id), view->up});
  }
  if (!notes.empty()) publisher.note_health(notes);
}

void HealthWatch::log(const HealthChange& change, const Publisher& publisher) const {
  const BackendRecord& record = publisher.tables().backends[change.id];
  const std::string service = view_service(publisher.tables(), record.service)
                                  .value_or(ServiceView{.name = "that is gone"})
                                  .name;
  const std::string name = fmt::format("{} of service {}", address_of(record).text(), service);
  if (!change.is_checked) {
    log_warn(fmt::format("{} cannot be checked, and goes on as {}: {}", name,
                         change.up ? "up" : "down", change.reason));
  } else if (change.up) {
    log_info(fmt::format("{} is up: {}", name, change.reason));
  } else {
    log_warn(fmt::format("{} is down: {}", name, change.reason));
  }
}

// Once for each time that it begins; in the minute after a line, only where it lasts for longer.
void HealthWatch::log_lack() {
  constexpr auto kQuiet = std::chrono::minutes(1);
  if (checker_.lack().empty()) lack_logged_ = false;
  if (checker_.lack().empty() || lack_logged_ || Clock::now() < next_lack_log_) return;
  lack_logged_ = true;
  next_lack_log_ = Clock::now() + kQuiet;
  log_warn(fmt::format("health checks are postponed: {}", checker_.lack()));
}

void HealthWatch::handle_events(Publisher& publisher) {
  constexpr auto kPause = std::chrono::milliseconds(100);
  for (const HealthChange& change : checker_.handle_events()) {
    if (change.is_checked) notes_.push_back({static_cast<uint16_t>(change.id), change.up});
    log(change, publisher);
  }
  log_lack();
  const auto begin = Clock::now();
  if (notes_.empty() || begin < next_work_) return;
  publisher.note_health(std::exchange(notes_, {}));
  const auto end = Clock::now();
  next_work_ = end + std::max<Clock::duration>(kPause, 2 * (end - begin));
}

void HealthWatch::report(const Publisher& publisher) {
  if (publisher.generation() == generation_) return;
  generation_ = publisher.generation();
  auto before = std::exchange(fallback_, {});
  for (const ServiceView& service : view_services(publisher.tables())) {
    for (const PoolView& pool : service.pools) {
      const auto key = std::make_pair(service.name, pool.name);
      const auto known = before.find(key);
      const uint8_t was = known == before.end() ? uint8_t{POOL_ITSELF} : known->second;
      fallback_[key] = pool.fallback;
      if (was == pool.fallback) continue;
      if (pool.fallback == POOL_ITSELF) {
        log_info(fmt::format("service {}: pool {} has enough backends up, and serves itself again",
                             service.name, pool.name));
      } else {
        log_warn(fmt::format("service {}: pool {} has too few backends up: new connections go {}",
                             service.name, pool.name, fallback_goes(pool.fallback)));
      }
    }
  }
}

std::string HealthWatch::reason(uint16_t backend) const {
  const auto view = checker_.view(backend);
  if (!view) return "";
  if (!view->not_made.empty()) return "cannot be checked: " + view->not_made;
  return view->up ? "" : view->last_reason;
}

}  // namespace belka
