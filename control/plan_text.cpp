// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "control/plan.h"
#include "control/split_spec.h"

namespace belka {
namespace {

std::string_view kind_text(PlanService::Kind kind) {
  switch (kind) {
    case PlanService::Kind::added:
      return "added";
    case PlanService::Kind::removed:
      return "removed";
    case PlanService::Kind::changed:
      return "changed";
    default:
      return "unchanged";
  }
}

std::string percent(uint64_t ppm) { return format_percent(static_cast<uint32_t>(ppm)); }

// `5` where it stays, else `5 -> 6`.
template <typename T>
std::string step(const T& before, const T& after) {
  return before == after ? fmt::format("{}", after) : fmt::format("{} -> {}", before, after);
}

void write_pool(const PlanPool& pool, const PlanService& service, int name_width,
                std::string& out) {
  const bool is_new = service.kind == PlanService::Kind::added;
  const bool is_gone = service.kind == PlanService::Kind::removed;
  const std::string before = percent(pool.wanted_ppm_before);
  const std::string after = percent(pool.wanted_ppm_after);
  const std::string share = is_new ? after : is_gone ? before : step(before, after);
  const std::string slots = is_new    ? std::to_string(pool.slots_after)
                            : is_gone ? std::to_string(pool.slots_before)
                                      : step(pool.slots_before, pool.slots_after);
  out += fmt::format("  {:<{}}  {}{}, {} slots\n", pool.name, name_width, share,
                     pool.match ? " (match)" : "", slots);
  for (const BackendConfig& backend : pool.added)
    out += fmt::format("    + {} weight {}\n", backend.address.text(), backend.weight);
  for (const BackendConfig& backend : pool.removed)
    out += fmt::format("    - {} weight {}\n", backend.address.text(), backend.weight);
  for (const PlanPool::Weight& weight : pool.weights)
    out += fmt::format("    ~ {} weight {} -> {}\n", weight.address.text(), weight.before,
                       weight.after);
}

std::string_view all_move_text(PlanService::AllMove why) {
  switch (why) {
    case PlanService::AllMove::vip:
      return "no connection finds the service where it was";
    case PlanService::AllMove::hash:
      return "each connection may fall into another";
    default:
      return "each connection is forwarded in another way";
  }
}

std::string breaks_text(const PlanService& service, bool broken) {
  if (service.breaks.empty()) return "";
  return fmt::format("  breaks connections ({}){}\n", service.breaks,
                     broken ? "" : ": wants --break-connections");
}

std::string slots_text(const PlanService& service, bool hard) {
  const uint32_t all = std::max(service.slots_before, service.slots_after);
  if (service.kind == PlanService::Kind::removed)
    return hard || !service.breaks.empty()
               ? fmt::format("  {} slots go at once: no connection is kept\n", all)
               : fmt::format("  {} slots drain\n", all);
  if (service.kind != PlanService::Kind::changed) return "";
  if (service.all_move != PlanService::AllMove::no)
    return fmt::format("  all {} slots: {}\n", all, all_move_text(service.all_move));
  return fmt::format("  {} of {} slots move, {} of them to another pool\n", service.slots_moved,
                     all, service.slots_to_other_pool);
}

void write_service(const PlanService& service, const Plan& plan, std::string& out) {
  out += fmt::format("service {}: {}\n", service.name, kind_text(service.kind));
  for (const std::string& setting : service.settings) out += fmt::format("  {}\n", setting);
  size_t width = 0;
  for (const PlanPool& pool : service.pools) width = std::max(width, pool.name.size());
  for (const PlanPool& pool : service.pools)
    write_pool(pool, service, static_cast<int>(width), out);
  out += slots_text(service, plan.hard);
  out += breaks_text(service, plan.broken);
  if (service.repair)
    out += fmt::format("  the tables do not hold all of it: {} slot words are put right\n",
                       service.words);
}

nlohmann::json backends_json(const std::vector<BackendConfig>& backends) {
  auto json = nlohmann::json::array();
  for (const BackendConfig& backend : backends)
    json.push_back({{"address", backend.address.text()}, {"weight", backend.weight}});
  return json;
}

nlohmann::json pool_json(const PlanPool& pool) {
  auto weights = nlohmann::json::array();
  for (const PlanPool::Weight& weight : pool.weights)
    weights.push_back(
        {{"address", weight.address.text()}, {"before", weight.before}, {"after", weight.after}});
  return {{"name", pool.name},
          {"wanted_ppm", {{"before", pool.wanted_ppm_before}, {"after", pool.wanted_ppm_after}}},
          {"match", pool.match},
          {"slots", {{"before", pool.slots_before}, {"after", pool.slots_after}}},
          {"added", backends_json(pool.added)},
          {"removed", backends_json(pool.removed)},
          {"weights", weights}};
}

nlohmann::json service_json(const PlanService& service) {
  auto pools = nlohmann::json::array();
  for (const PlanPool& pool : service.pools) pools.push_back(pool_json(pool));
  return {{"name", service.name},
          {"change", kind_text(service.kind)},
          {"settings", service.settings},
          {"slots", {{"before", service.slots_before}, {"after", service.slots_after}}},
          {"slots_moved", service.slots_moved},
          {"slots_to_other_pool", service.slots_to_other_pool},
          {"words", service.words},
          {"repair", service.repair},
          {"breaks", service.breaks},
          {"pools", pools}};
}

// Without the blanks that make it a table.
std::string squeezed(const std::string& line) {
  std::istringstream words(line);
  std::string word, text;
  while (words >> word) text += (text.empty() ? "" : " ") + word;
  return text;
}

}  // namespace

std::string Plan::text() const {
  std::string out;
  for (const std::string& fault : faults) out += fmt::format("cannot be published: {}\n", fault);
  for (const PlanService& service : services) write_service(service, *this, out);
  if (services.empty() && faults.empty()) out += "nothing changes\n";
  if (unchanged != 0)
    out += fmt::format("{} {} unchanged\n", unchanged,
                       unchanged == 1 ? "service stays" : "services stay");
  return out;
}

std::string Plan::line() const {
  std::istringstream lines(text());
  std::string each, all;
  while (std::getline(lines, each)) all += (all.empty() ? "" : "; ") + squeezed(each);
  return all;
}

nlohmann::json Plan::to_json() const {
  auto list = nlohmann::json::array();
  for (const PlanService& service : services) list.push_back(service_json(service));
  return {{"unchanged", unchanged},
          {"slots_moved", slots_moved()},
          {"faults", faults},
          {"services", list}};
}

}  // namespace belka
