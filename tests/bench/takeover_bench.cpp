// SPDX-License-Identifier: Apache-2.0
// How long packets are lost when the data plane is killed: measured end to end, by a script in
// network namespaces, because a kill is nothing that a process can do to itself.
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "control/error.h"
#include "tests/bench/figures.h"

namespace belka::bench {
namespace {

constexpr const char* kScript = "tests/e2e/takeover_gap.sh";

struct Pclose {
  void operator()(FILE* pipe) const { pclose(pipe); }
};

/// The last line of what the script prints; its errors go to ours.
std::string last_line_of(const char* command) {
  std::unique_ptr<FILE, Pclose> pipe(popen(command, "r"));
  if (!pipe) throw Error(fmt::format("cannot run {}", command));
  std::string last, line;
  for (int byte = fgetc(pipe.get()); byte != EOF; byte = fgetc(pipe.get())) {
    if (byte != '\n') {
      line.push_back(static_cast<char>(byte));
    } else {
      if (!line.empty()) last = std::exchange(line, "");
    }
  }
  if (pclose(pipe.release()) != 0) throw Error(fmt::format("{} failed, and says why", command));
  return last;
}

Figure measure_gap() {
  const YAML::Node gaps = YAML::Load(last_line_of(kScript));  // JSON is YAML
  std::string note = "median and worst outage:";
  for (const auto& each : gaps) {
    const std::string name = each.first.as<std::string>();
    note += fmt::format(" {} {:.1f} and {:.1f} ms;", name, each.second["median_ms"].as<double>(),
                        each.second["worst_ms"].as<double>());
  }
  note.pop_back();
  return {.ns = gaps["data plane killed"]["median_ms"].as<double>() * 1e6, .note = note};
}

const bool kRegistered = [] {
  add_figure("takeover/gap", "2 ms: 20 of 10,000 packets a second", measure_gap);
  return true;
}();

}  // namespace
}  // namespace belka::bench
