// SPDX-License-Identifier: Apache-2.0
#include "control/controller.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ctime>
#include <iterator>
#include <set>

#include "control/config_duration.h"
#include "control/drains.h"
#include "control/error.h"
#include "control/explain.h"
#include "control/flow_text.h"
#include "control/log.h"
#include "control/plan.h"
#include "control/publish.h"
#include "control/quote.h"
#include "control/split_spec.h"
#include "control/status_json.h"
#include "control/table_views.h"

namespace belka {
namespace {

using nlohmann::json;

Answer refuse(Fault fault, std::vector<std::string> errors) {
  return {.fault = fault, .errors = std::move(errors), .body = nullptr};
}

Answer accept(json body) { return {.fault = Fault::none, .errors = {}, .body = std::move(body)}; }

constexpr uint64_t kLeastLimitMs = 1'000;
constexpr uint64_t kMostLimitMs = 30ull * 24 * 3'600'000;
static_assert(kMostLimitMs <= UINT32_MAX);

int64_t now_ns() {
  struct timespec now {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

// At most twenty names: an error is one sentence.
std::string service_names(const Config& config) {
  constexpr size_t kShown = 20;
  std::string names;
  for (size_t i = 0; i < std::min(kShown, config.services.size()); i++)
    names += (i == 0 ? "" : ", ") + config.services[i].name;
  if (config.services.size() > kShown)
    names += fmt::format(" and {} more", config.services.size() - kShown);
  return names.empty() ? "there is none" : "there are " + names;
}

const ServiceConfig* find_service(const Config& config, std::string_view name) {
  for (const ServiceConfig& service : config.services)
    if (service.name == name) return &service;
  return nullptr;
}

struct Wanted {
  std::optional<Config> config;
  std::optional<Seed> seed;  // where it is another than the one in use
  Answer refusal;
};

// All ages are counted in ticks.
std::string tick_fault(std::string_view file_name, const Config& before, const Config& wanted) {
  return fmt::format(
      "{}: tick: found {}, this belkad runs with {}; to change it, start belkad again with this "
      "file",
      file_name, format_duration(wanted.tick_ms), format_duration(before.tick_ms));
}

// A file that is lost or spoilt must not keep an operator from changes with the seed in use.
std::optional<Seed> read_wanted_seed(const std::string& path, const std::string& path_in_use) {
  try {
    if (auto seed = find_seed(path)) return seed;
    if (path != path_in_use)
      throw Error(
          fmt::format("found {}, where no file is; copy the fleet's seed there, or leave {}, whose "
                      "seed is in use",
                      quote(path), quote(path_in_use)));
    log_warn(fmt::format("{} is gone: the seed in use stays, but the next start wants it", path));
  } catch (const Error& error) {
    if (path != path_in_use) throw;
    log_warn(fmt::format("{}; the seed in use stays, but the next start wants it", error.what()));
  }
  return std::nullopt;
}

Wanted read_wanted(std::string_view yaml, std::string_view file_name, const std::string& seed_file,
                   const Publisher& publisher) {
  const auto refused = [](Fault fault, std::vector<std::string> errors) -> Wanted {
    return {std::nullopt, std::nullopt, refuse(fault, std::move(errors))};
  };
  ConfigResult result = parse_config(yaml, file_name);
  std::vector<std::string> errors;
  for (const ConfigError& error : result.errors) errors.push_back(error.text());
  if (!result.config) return refused(Fault::invalid, std::move(errors));
  if (result.config->tick_ms != publisher.in_force().tick_ms)
    return refused(Fault::conflict, {tick_fault(file_name, publisher.in_force(), *result.config)});
  try {
    auto wanted = read_wanted_seed(result.config->seed_file, seed_file);
    if (wanted == publisher.seed()) wanted.reset();
    return {std::move(result.config), wanted, {}};
  } catch (const Error& error) {
    return refused(Fault::conflict, {fmt::format("{}: seed_file: {}", file_name, error.what())});
  }
}

std::string_view pace_text(Pace pace) {
  return pace == Pace::gentle ? ", gentle" : pace == Pace::hard ? ", hard" : "";
}

// Who is called at night sees in the log what was changed.
void log_change(const Plan& plan, uint64_t generation, Pace pace) {
  log_info(fmt::format("generation {}{}: {}", generation, pace_text(pace), plan.line()));
}

// As they are asked for, and as they stand in the log.
struct Verb {
  std::string_view name, done;
  enum backend_admin admin;
};
constexpr Verb kVerbs[] = {{"drain", "drained", BACKEND_DRAINED},
                           {"undrain", "undrained", BACKEND_ENABLED},
                           {"disable", "disabled", BACKEND_DISABLED}};

const Verb* find_verb(std::string_view name) {
  const auto* const found = std::ranges::find(kVerbs, name, &Verb::name);
  return found == std::end(kVerbs) ? nullptr : found;
}

// What is wrong with a request in itself.
std::optional<std::string> request_fault(const Controller::BackendRequest& request,
                                         const Verb* verb, const std::optional<Address>& address) {
  if (verb == nullptr)
    return fmt::format("found {}, allowed is drain, undrain or disable", quote(request.verb));
  if (request.pace == Pace::hard)
    return "found pace=hard, allowed is gentle or none; disable gives up a backend's connections";
  if (!address)
    return fmt::format("found {}, allowed is the address of a backend, such as 10.0.1.1",
                       quote(request.address));
  return std::nullopt;
}

json backends_of(const TableView& tables, const std::vector<uint16_t>& numbers) {
  json body = backends_json(tables);
  json named = json::array();
  for (json& backend : body.at("backends"))
    if (std::ranges::count(numbers, backend.at("number").get<uint16_t>()) != 0)
      named.push_back(std::move(backend));
  return named;
}

json plan_body(const Plan& plan, uint64_t generation) {
  return {{"plan", plan.to_json()}, {"text", plan.text()}, {"generation", generation}};
}

}  // namespace

Controller::Controller(Tables& tables, Publisher& publisher, StatusSource& source,
                       std::function<void(const Config&, const Seed&)> persist)
    : tables_(tables), publisher_(publisher), source_(source), persist_(std::move(persist)) {
  count_anew({}, {});
}

// From here on a service that differs, or that nobody has looked at yet, is counted from zero.
void Controller::count_anew(const Config& before, const Config& after) {
  StatsBaseline baseline;
  const int64_t now = now_ns();
  for (const ServiceView& service : view_services(*tables_.view())) {
    const ServiceConfig* was = find_service(before, service.name);
    const ServiceConfig* is = find_service(after, service.name);
    const auto known = baseline_.services.find(service.number);
    const bool same = was != nullptr && is != nullptr && *was == *is;
    baseline.services[service.number] = same && known != baseline_.services.end()
                                            ? known->second
                                            : take_baseline(*tables_.view(), service.number, now);
  }
  baseline_ = std::move(baseline);
}

// With the lock held.
Answer Controller::publish(const Config& wanted, const ChangeRequest& request, const Seed* seed) {
  Config before = publisher_.in_force();
  before.seed_file = source_.seed_file();
  const Seed seed_before = publisher_.seed();
  Plan plan = publisher_.plan(wanted, request.pace, seed);
  plan.hard = request.pace == Pace::hard;
  plan.broken = request.break_connections;
  if (!plan.faults.empty()) return refuse(Fault::conflict, plan.faults);
  if (!request.break_connections && !plan.breaks().empty())
    return refuse(Fault::conflict, plan.breaks());
  try {
    persist_(wanted, seed == nullptr ? seed_before : *seed);
  } catch (const Error& error) {
    return refuse(Fault::failed, {fmt::format("{}; nothing is changed; `belkactl backend drain` "
                                              "and `disable` do not need it",
                                              error.what())});
  }
  try {
    publisher_.publish(wanted, request.pace, seed);
  } catch (const Error& error) {
    Answer refusal = refuse(Fault::conflict, {error.what()});
    try {
      persist_(before, seed_before);
    } catch (const Error& again) {
      refusal.errors.emplace_back(again.what());
    }
    return refusal;
  }
  count_anew(plan.other_seed ? Config{} : before, publisher_.in_force());
  log_change(plan, publisher_.generation(), request.pace);
  json body = plan_body(plan, publisher_.generation());
  size_t held = 0;
  for (const PlanService& service : plan.services) held += publisher_.held_slots(service.name);
  body["held_slots"] = held;
  return accept(std::move(body));
}

Answer Controller::apply(std::string_view yaml, std::string_view file_name,
                         const ChangeRequest& request) {
  const std::lock_guard lock(mutex_);
  Wanted wanted = read_wanted(yaml, file_name, source_.seed_file(), publisher_);
  if (!wanted.config) return std::move(wanted.refusal);
  return publish(*wanted.config, request, wanted.seed ? &*wanted.seed : nullptr);
}

Answer Controller::plan(std::string_view yaml, std::string_view file_name, Pace pace) const {
  const std::lock_guard lock(mutex_);
  Wanted wanted = read_wanted(yaml, file_name, source_.seed_file(), publisher_);
  if (!wanted.config) return std::move(wanted.refusal);
  Plan plan = publisher_.plan(*wanted.config, pace, wanted.seed ? &*wanted.seed : nullptr);
  plan.hard = pace == Pace::hard;
  if (!plan.faults.empty()) return refuse(Fault::conflict, plan.faults);
  return accept(plan_body(plan, publisher_.generation()));
}

Answer Controller::split(std::string_view service_name, const std::vector<std::string>& texts,
                         const ChangeRequest& request) {
  const SplitWords words = parse_split_words(texts);
  if (!words.errors.empty()) return refuse(Fault::invalid, words.errors);
  const std::lock_guard lock(mutex_);
  Config wanted = publisher_.in_force();
  wanted.seed_file = source_.seed_file();
  const auto service =
      std::find_if(wanted.services.begin(), wanted.services.end(),
                   [&](const ServiceConfig& candidate) { return candidate.name == service_name; });
  if (service == wanted.services.end()) return refuse_absent(service_name);
  std::vector<std::string> errors = apply_split(words.words, *service);
  if (!errors.empty()) return refuse(Fault::invalid, std::move(errors));
  Answer answer = publish(wanted, request);
  if (answer.fault != Fault::none) return answer;
  json services = services_json(*tables_.view());
  for (json& entry : services.at("services")) {
    if (entry.at("name") == service_name) answer.body["service"] = std::move(entry);
  }
  return answer;
}

// Not in force: unknown, or on its way out.
Answer Controller::refuse_absent(std::string_view name) const {
  if (auto refusal = refuse_unknown(name)) return std::move(*refusal);
  return refuse(Fault::conflict,
                {fmt::format("service {} is removed, and drains; to have it again, apply a "
                             "configuration that has it",
                             quote(name))});
}

std::optional<Answer> Controller::refuse_unknown(std::string_view name) const {
  const auto& services = publisher_.holdings().services;
  const auto found = services.find(name);
  const Config& config = publisher_.in_force();
  if (found != services.end()) return std::nullopt;
  return refuse(Fault::not_found,
                {fmt::format("no service {}; {}", quote(name), service_names(config))});
}

Answer Controller::drains() const {
  const std::lock_guard lock(mutex_);
  return accept(drains_json(publisher_));
}

Answer Controller::release(std::string_view service) {
  const std::lock_guard lock(mutex_);
  if (auto refusal = refuse_unknown(service)) return std::move(*refusal);
  const uint32_t connections = publisher_.release(service).value_or(0);
  log_info(given_up_text(service, connections, "until now"));
  return accept(drains_json(publisher_));
}

Answer Controller::drain_limit(std::string_view service, uint64_t limit_ms) {
  const std::lock_guard lock(mutex_);
  if (auto refusal = refuse_unknown(service)) return std::move(*refusal);
  if (limit_ms != 0 && (limit_ms < kLeastLimitMs || limit_ms > kMostLimitMs)) {
    return refuse(Fault::invalid,
                  {fmt::format("found a limit of {} ms, allowed is 0 (none) or from "
                               "{} ms to {} ms, 30 days",
                               limit_ms, kLeastLimitMs, kMostLimitMs)});
  }
  publisher_.set_drain_limit(service, static_cast<uint32_t>(limit_ms));
  log_info(fmt::format("service {}: connections elsewhere are kept {}", service,
                       limit_ms == 0
                           ? "while they live"
                           : "for at most " + format_duration(static_cast<uint32_t>(limit_ms))));
  return accept(drains_json(publisher_));
}

// Those that a request names.
std::vector<BackendRef> Controller::backends_at(const Address& address,
                                                std::string_view service) const {
  std::vector<BackendRef> backends = publisher_.backends();
  std::erase_if(backends, [&](const BackendRef& backend) {
    return backend.address != address || (!service.empty() && backend.service_name != service);
  });
  return backends;
}

// As it was before a change that cannot be had: what is refused must not be done at the next tick.
void Controller::restore_admin(const std::vector<BackendRef>& backends) {
  for (const BackendRef& backend : backends) {
    try {
      publisher_.set_admin({backend.number}, backend.admin);
    } catch (const Error&) {
      // It is stored by then; the same fault keeps it from being looked at.
    }
  }
}

Answer Controller::set_backend(const BackendRequest& request) {
  const Verb* verb = find_verb(request.verb);
  const auto address = Address::parse(request.address);
  if (auto fault = request_fault(request, verb, address)) return refuse(Fault::invalid, {*fault});
  const std::lock_guard lock(mutex_);
  if (!request.service.empty())
    if (auto refusal = refuse_unknown(request.service)) return std::move(*refusal);
  const std::vector<BackendRef> backends = backends_at(*address, request.service);
  if (backends.empty()) {
    const std::string where =
        request.service.empty() ? "any service" : "service " + std::string(request.service);
    return refuse(Fault::not_found, {fmt::format("no backend {} in {}; `belkactl get backends` "
                                                 "lists them",
                                                 address->text(), where)});
  }
  std::vector<uint16_t> numbers;
  std::set<std::string_view> names;
  for (const BackendRef& backend : backends) {
    numbers.push_back(backend.number);
    names.insert(backend.service_name);
  }
  try {
    publisher_.set_admin(numbers, verb->admin, request.pace);
  } catch (const Error& error) {
    restore_admin(backends);
    return refuse(Fault::conflict, {error.what()});
  }
  log_info(fmt::format("generation {}{}: backend {} {} in {}", publisher_.generation(),
                       pace_text(request.pace), address->text(), verb->done,
                       fmt::join(names, ", ")));
  size_t held = 0;
  for (const std::string_view name : names) held += publisher_.held_slots(name);
  return accept({{"backends", backends_of(*tables_.view(), numbers)}, {"held_slots", held}});
}

Answer Controller::status() const {
  const std::lock_guard lock(mutex_);
  return accept(status_json(*tables_.view(), source_, now_ns()));
}

Answer Controller::stats() const {
  const std::lock_guard lock(mutex_);
  json body = stats_json(*tables_.view(), baseline_, now_ns());
  body["generation"] = publisher_.generation();
  return accept(std::move(body));
}

Answer Controller::services() const {
  const std::lock_guard lock(mutex_);
  return accept(services_json(*tables_.view()));
}

Answer Controller::pools() const {
  const std::lock_guard lock(mutex_);
  return accept(pools_json(*tables_.view()));
}

Answer Controller::backends() const {
  const std::lock_guard lock(mutex_);
  return accept(backends_json(*tables_.view()));
}

Answer Controller::explain(std::string_view text) const {
  const auto flow = parse_flow(text);
  if (const auto* error = std::get_if<std::string>(&flow)) return refuse(Fault::invalid, {*error});
  const std::lock_guard lock(mutex_);
  return accept(explain_json(*tables_.view(), std::get<Flow>(flow), NextHopSource::from_tables));
}

void Controller::with_publisher(const std::function<void(Publisher&)>& work) {
  const std::lock_guard lock(mutex_);
  work(publisher_);
}

}  // namespace belka
