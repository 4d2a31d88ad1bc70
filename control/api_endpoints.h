// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "control/controller.h"

namespace belka {

// A request as endpoints see it, without its transport.
struct ApiRequest {
  std::multimap<std::string, std::string> query;
  std::vector<std::string> words;  // what the groups of the endpoint's pattern matched
  std::string body;

  bool has(const std::string& name) const { return query.contains(name); }
  std::string param(const std::string& name) const;  // empty where it has none
};

struct Endpoint {
  const char* method;
  const char* pattern;  // a regular expression over the whole path
  const char* text;     // as people write it
  std::function<Answer(Controller&, const ApiRequest&)> handler;
  std::vector<std::string_view> keys{};  // that its query may have
};

// All that there are.
const std::vector<Endpoint>& endpoints();

// What the endpoint answers; a query that it does not take is refused.
Answer handle(const Endpoint& endpoint, Controller& controller, const ApiRequest& request);

}  // namespace belka
