// SPDX-License-Identifier: Apache-2.0
#include "tests/planes/executors.h"

#include <map>

#include "control/error.h"
#include "tests/planes/mbuf_executor.h"

namespace belka {
namespace {

const std::map<std::string, std::unique_ptr<Executor> (*)()>& makers() {
  static const std::map<std::string, std::unique_ptr<Executor> (*)()> makers = {
      {"native", make_native_executor},
      {"burst", make_burst_executor},
      {"xdp", [] { return make_xdp_executor(); }},
  };
  return makers;
}

struct Made {
  std::unique_ptr<Executor> executor;
  std::string reason;
};

Made make(const std::string& name) {
  try {
    return {makers().at(name)(), ""};
  } catch (const Error& error) {
    return {nullptr, error.what()};
  }
}

}  // namespace

const std::vector<std::string>& executor_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> keys;
    for (const auto& [name, maker] : makers()) keys.push_back(name);
    return keys;
  }();
  return names;
}

Executor* executor(const std::string& name, std::string* reason) {
  static std::map<std::string, Made> made;
  if (!made.contains(name)) made.emplace(name, make(name));
  *reason = made.at(name).reason;
  return made.at(name).executor.get();
}

}  // namespace belka
