// SPDX-License-Identifier: Apache-2.0
#include "control/api_endpoints.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "control/quote.h"

namespace belka {
namespace {

using nlohmann::json;

constexpr size_t kMaxSplitBytes = 64u << 10;

std::string file_name(const ApiRequest& request) {
  const std::string name = request.param("file");
  return name.empty() ? "body" : name;
}

Answer refusal(Fault fault, std::string sentence) {
  return {.fault = fault, .errors = {std::move(sentence)}, .body = nullptr};
}

// ?pace=gentle|hard&break_connections=1; what an endpoint does not take, handle has refused.
std::optional<Answer> read_change(const ApiRequest& request, ChangeRequest& change) {
  const std::string pace = request.param("pace");
  if (pace == "gentle") change.pace = Pace::gentle;
  if (pace == "hard") change.pace = Pace::hard;
  if (request.has("pace") && change.pace == Pace::now) {
    return refusal(
        Fault::invalid,
        fmt::format("pace: found {}, allowed is gentle or hard; leave it out for neither",
                    quote(pace)));
  }
  const std::string break_connections = request.param("break_connections");
  change.break_connections = break_connections == "1";
  if (!request.has("break_connections") || change.break_connections) return std::nullopt;
  return refusal(Fault::invalid,
                 fmt::format("break_connections: found {}, allowed is 1; leave it out to have such "
                             "a change refused",
                             quote(break_connections)));
}

Answer apply(Controller& controller, const ApiRequest& request) {
  ChangeRequest change;
  if (auto refused = read_change(request, change)) return std::move(*refused);
  return controller.apply(request.body, file_name(request), change);
}

Answer plan(Controller& controller, const ApiRequest& request) {
  ChangeRequest change;
  if (auto refused = read_change(request, change)) return std::move(*refused);
  return controller.plan(request.body, file_name(request), change.pace);
}

Answer drain_limit(Controller& controller, const ApiRequest& request) {
  const std::string text = request.param("limit_ms");
  uint64_t limit_ms = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit_ms);
  if (error != std::errc() || end != text.data() + text.size()) {
    return refusal(
        Fault::invalid,
        fmt::format("limit_ms: found {}, allowed is a whole number of milliseconds up to 30 "
                    "days, 0 for no limit",
                    quote(text)));
  }
  return controller.drain_limit(request.words[0], limit_ms);
}

Answer split(Controller& controller, const ApiRequest& request) {
  ChangeRequest change;
  if (auto refused = read_change(request, change)) return std::move(*refused);

  constexpr const char* kAllowed =
      R"(allowed is a JSON object of texts such as {"canary": "5%", "baseline": "match"})";
  if (request.body.size() > kMaxSplitBytes) {
    return refusal(Fault::invalid, fmt::format("found a body of {} bytes, {} of at most {} bytes",
                                               request.body.size(), kAllowed, kMaxSplitBytes));
  }
  const json body = json::parse(request.body, nullptr, false);
  if (!body.is_object()) {
    return refusal(Fault::invalid, fmt::format("found a body that is no such thing, {}", kAllowed));
  }
  std::vector<std::string> words;
  for (const auto& [pool, share] : body.items()) {
    if (!share.is_string()) {
      return refusal(Fault::invalid, fmt::format("{}: found {}, {}", pool, share.dump(), kAllowed));
    }
    words.push_back(pool + "=" + share.get<std::string>());
  }
  return controller.split(request.words[0], words, change);
}

Answer set_backend(Controller& controller, const ApiRequest& request) {
  ChangeRequest change;
  if (auto refused = read_change(request, change)) return std::move(*refused);
  const std::string address = request.words[0];
  const std::string verb = request.words[1];
  const std::string service = request.param("service");
  if (service.empty() && request.has("service")) {
    return refusal(
        Fault::invalid,
        "service: found \"\", allowed is a service's name; leave it out for all of them");
  }
  if (verb == "disable" && change.pace == Pace::gentle) {
    return refusal(
        Fault::invalid,
        "found disable with pace=gentle: it takes a backend from its connections at once; "
        "drain lets them end");
  }
  return controller.set_backend({address, verb, service, change.pace});
}

Answer explain(Controller& controller, const ApiRequest& request) {
  if (!request.has("flow")) {
    return refusal(Fault::invalid,
                   "no flow in the query; write /v1/explain?flow=SRC:PORT%3EVIP:PORT/tcp");
  }
  return controller.explain(request.param("flow"));
}

std::optional<Answer> refuse_query(const Endpoint& endpoint, const ApiRequest& request) {
  for (const auto& [key, value] : request.query) {
    if (std::ranges::find(endpoint.keys, key) != endpoint.keys.end()) continue;
    return refusal(
        Fault::invalid,
        fmt::format(
            "found {} in the query, allowed is {}", quote(key),
            endpoint.keys.empty() ? "none" : fmt::format("{}", fmt::join(endpoint.keys, ", "))));
  }
  return std::nullopt;
}

}  // namespace

std::string ApiRequest::param(const std::string& name) const {
  const auto found = query.find(name);
  return found == query.end() ? "" : found->second;
}

Answer handle(const Endpoint& endpoint, Controller& controller, const ApiRequest& request) {
  if (auto refusal = refuse_query(endpoint, request)) return std::move(*refusal);
  return endpoint.handler(controller, request);
}

const std::vector<Endpoint>& endpoints() {
  using C = Controller;
  using R = ApiRequest;
  static const std::vector<Endpoint> all = {
      {"GET", "/v1/status", "/v1/status", [](C& c, const R&) { return c.status(); }},
      {"GET", "/v1/stats", "/v1/stats", [](C& c, const R&) { return c.stats(); }},
      {"GET", "/v1/services", "/v1/services", [](C& c, const R&) { return c.services(); }},
      {"GET", "/v1/pools", "/v1/pools", [](C& c, const R&) { return c.pools(); }},
      {"GET", "/v1/backends", "/v1/backends", [](C& c, const R&) { return c.backends(); }},
      {"GET", "/v1/explain", "/v1/explain?flow=FLOW", explain, {"flow"}},
      {"GET", "/v1/drains", "/v1/drains", [](C& c, const R&) { return c.drains(); }},
      {"POST", "/v1/apply", "/v1/apply", apply, {"file", "pace", "break_connections"}},
      {"POST", "/v1/plan", "/v1/plan", plan, {"file", "pace"}},
      {"POST",
       "/v1/services/([^/]+)/split",
       "/v1/services/NAME/split",
       split,
       {"pace", "break_connections"}},
      {"POST",
       "/v1/services/([^/]+)/drain-limit",
       "/v1/services/NAME/drain-limit?limit_ms=N",
       drain_limit,
       {"limit_ms"}},
      {"POST",
       "/v1/backends/([^/]+)/(drain|undrain|disable)",
       "/v1/backends/ADDRESS/drain|undrain|disable?service=NAME",
       set_backend,
       {"service", "pace"}},
      {"POST", "/v1/services/([^/]+)/release", "/v1/services/NAME/release",
       [](C& c, const R& r) { return c.release(r.words[0]); }},
  };
  return all;
}

}  // namespace belka
