// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <ostream>

#include "control/cli_commands.h"
#include "control/cli_file.h"
#include "control/cli_source.h"
#include "control/cli_text.h"
#include "control/config_duration.h"
#include "control/publish.h"
#include "control/quote.h"
#include "control/seed.h"
#include "control/shares.h"
#include "control/split_check.h"
#include "control/split_spec.h"
#include "control/table_text.h"
#include "control/table_views.h"

namespace belka {
namespace {

using nlohmann::json;

constexpr const char* kYaml = "application/yaml";
constexpr const char* kJson = "application/json";

std::string plan_text(const json& answer) { return answer.at("text").get<std::string>(); }

// Empty where no slot is held.
std::string held_text(const json& answer) {
  const auto held = answer.at("held_slots").get<uint64_t>();
  return held == 0 ? "" : fmt::format("{} slots are held for 4 s", held);
}

std::string apply_text(const json& answer) {
  const auto generation = answer.at("generation").get<uint64_t>();
  const std::string held = held_text(answer);
  const std::string when = held.empty() ? "in force" : held + ", then in force";
  return fmt::format("{}{} as generation {}, in both planes\n", plan_text(answer), when,
                     generation);
}

std::string standing_text(const json& answer) {
  const std::string held = held_text(answer);
  return backends_text(answer) + (held.empty() ? "" : held + ", then they change\n");
}

// As the API takes it: ?pace=gentle&break_connections=1
std::string how(const CommandLine& line, char first) {
  if (line.gentle && line.hard)
    throw UsageError("--gentle waits for connections, --hard gives them up; give one of them");
  std::string query;
  if (line.gentle || line.hard) query += line.gentle ? "&pace=gentle" : "&pace=hard";
  if (line.break_connections) query += "&break_connections=1";
  if (!query.empty()) query[0] = first;
  return query;
}

int send_file(const CommandLine& line, Console& console, const char* path,
              std::string (*text)(const json&)) {
  const ConfigFile file = read_config_file(line);
  const std::string target =
      fmt::format("{}?file={}{}", path, escape_query(file.name), how(line, '&'));
  return show(line, console, Client(line.socket).post(target, file.text, kYaml), text);
}

// Against tables that nobody needs to serve: what stands in them is what is in force.
int plan_on(Tables& tables, const CommandLine& line, Console& console) {
  const auto config = parse_or_complain(read_config_file(line), console);
  if (!config) return kExitFailed;
  const Publisher publisher(tables, read_seed(config->seed_file));
  Plan plan = publisher.plan(*config, line.gentle ? Pace::gentle
                                      : line.hard ? Pace::hard
                                                  : Pace::now);
  plan.hard = line.hard;
  for (const std::string& fault : plan.faults) console.err << fault << "\n";
  if (!plan.faults.empty()) return kExitFailed;
  const json answer = {
      {"plan", plan.to_json()}, {"text", plan.text()}, {"generation", publisher.generation()}};
  return show(line, console, answer, plan_text);
}

// The slots that each pool will own. A valid configuration has no fault here.
std::vector<uint32_t> slots_of(const ServiceConfig& service) {
  std::vector<PoolShare> shares;
  for (const PoolConfig& pool : service.pools)
    shares.push_back({.name = pool.name, .share_ppm = pool.share_ppm, .match = pool.match});
  return share_slots(service.slots, shares).slots;
}

}  // namespace

int run_apply(const CommandLine& line, Console& console) {
  return send_file(line, console, "/v1/apply", apply_text);
}

int run_plan(const CommandLine& line, Console& console) {
  auto tables = open_named_tables(line);
  (void)how(line, '?');  // both --gentle and --hard
  if (tables) return plan_on(*tables, line, console);
  return send_file(line, console, "/v1/plan", plan_text);
}

// One that would be another path of the API.
const std::string& service_name(const std::string& word) {
  if (word.empty() || word.find('/') != std::string::npos)
    throw UsageError(fmt::format("found {}, allowed is the name of a service", quote(word)));
  return word;
}

int run_split(const CommandLine& line, Console& console) {
  const std::string& service = service_name(line.words[1]);
  const SplitWords words = parse_split_words({line.words.begin() + 2, line.words.end()});
  if (!words.errors.empty()) {
    for (const std::string& error : words.errors) console.err << error << "\n";
    return kExitUsage;
  }
  json body = json::object();
  for (const SplitWord& word : words.words)
    body[word.pool] = word.share.match ? "match" : format_percent(word.share.ppm);
  const std::string path =
      fmt::format("/v1/services/{}/split{}", escape_query(service), how(line, '?'));
  return show(line, console, Client(line.socket).post(path, body.dump(), kJson), apply_text);
}

int run_drain_limit(const CommandLine& line, Console& console) {
  const std::string service = escape_query(service_name(line.words[1]));
  const Client client(line.socket);
  if (line.hard == (line.words.size() > 2)) {
    throw UsageError(
        fmt::format("found {}, allowed is one of them: a time, such as 10m or 0s (as long as they "
                    "live), or --hard for now",
                    line.hard ? "a time and --hard" : "neither a time nor --hard"));
  }
  if (line.hard) {
    const std::string path = fmt::format("/v1/services/{}/release", service);
    return show(line, console, client.post(path, "", kJson), drains_text);
  }
  const auto limit_ms = parse_duration(line.words[2]);
  if (!limit_ms) {
    throw UsageError(
        fmt::format("found {}, allowed is {}", quote(line.words[2]),
                    duration_allowed("such as 10m, from 1s to 43200m, 30 days; 0s is no limit")));
  }
  const std::string path =
      fmt::format("/v1/services/{}/drain-limit?limit_ms={}", service, *limit_ms);
  return show(line, console, client.post(path, "", kJson), drains_text);
}

int run_backend(const CommandLine& line, Console& console) {
  const std::string& verb = line.words[1];
  if (verb != "drain" && verb != "undrain" && verb != "disable")
    throw UsageError(fmt::format("found {}, allowed is drain, undrain or disable", quote(verb)));
  const std::string query = how(line, '?');
  std::string path = fmt::format("/v1/backends/{}/{}{}", escape_query(line.words[2]), verb, query);
  if (line.words.size() > 3) {
    const std::string service = escape_query(service_name(line.words[3]));
    path += fmt::format("{}service={}", query.empty() ? '?' : '&', service);
  }
  return show(line, console, Client(line.socket).post(path, "", kJson), standing_text);
}

int run_check(const CommandLine& line, Console& console) {
  const ConfigFile file = read_config_file(line);
  const auto config = parse_or_complain(file, console);
  if (!config) return kExitFailed;
  TableText table({{"SERVICE"},
                   {"VIP"},
                   {"POOL"},
                   {"WANTED", Align::right},
                   {"IN FORCE", Align::right},
                   {"SLOTS", Align::right},
                   {"BACKENDS", Align::right}});
  for (const ServiceConfig& service : config->services) {
    const std::vector<uint32_t> slots = slots_of(service);
    const std::string port = service.port == 0 ? "all" : std::to_string(service.port);
    for (size_t i = 0; i < slots.size(); i++) {
      const PoolConfig& pool = service.pools[i];
      table.add(
          {service.name,
           fmt::format("{}/{}", endpoint_text(service.vip, port), protocol_name(service.protocol)),
           pool.name, format_percent(static_cast<uint32_t>(wanted_ppm(service, pool))),
           percent_text(double(slots[i]) / service.slots), std::to_string(slots[i]),
           std::to_string(pool.backends.size())});
    }
  }
  console.out << fmt::format("{}: valid\n", file.name) << (table.empty() ? "" : table.text());
  return kExitOk;
}

}  // namespace belka
