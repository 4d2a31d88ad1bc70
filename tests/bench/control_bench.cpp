// SPDX-License-Identifier: Apache-2.0
// What a change costs: computing a service's tables, publishing another split, and the whole
// command.
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "control/api.h"
#include "control/controller.h"
#include "control/error.h"
#include "control/publish.h"
#include "tests/bench/figures.h"

namespace belka::bench {
namespace {

constexpr int kRounds = 51;

double elapsed_ns(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count();
}

Seed fixed_seed() {
  Seed seed;
  for (size_t i = 0; i < seed.bytes.size(); i++) seed.bytes[i] = static_cast<uint8_t>(i);
  return seed;
}

PoolConfig pool_of(const std::string& name, uint8_t net, uint32_t backends) {
  PoolConfig pool;
  pool.name = name;
  for (uint32_t n = 0; n < backends; n++) {
    const auto address = Address::parse(fmt::format("10.{}.{}.{}", net, n / 250, 1 + n % 250));
    pool.backends.push_back({*address, 1 + n % 10});
  }
  return pool;
}

/// One service with so many prod backends, of weights 1 to 10, and a tenth of them in canary and
/// baseline.
Config config_of(uint32_t prod, uint32_t others, uint32_t canary_ppm) {
  ServiceConfig service;
  service.name = "web";
  service.vip = *Address::parse("203.0.113.10");
  service.port = 443;
  service.forward = ForwardMode::ipip;
  service.pools = {pool_of("prod", 1, prod), pool_of("canary", 2, others),
                   pool_of("baseline", 3, others)};
  service.pools[1].share_ppm = canary_ppm;
  service.pools[2].match = true;
  Config config;
  config.services = {service};
  return config;
}

Figure measure_build() {
  Tables tables = Tables::create_private(1, 1);
  const Publisher publisher(tables, fixed_seed());
  const Config wanted = config_of(800, 100, 50'000);
  std::vector<double> times;
  for (int round = 0; round < kRounds; round++) {
    times.push_back(elapsed_ns([&] { (void)publisher.prepare(wanted); }));
  }
  return {.ns = median(times)};
}

/// A Controller wants to know about interfaces; here there are none.
class NoInterfaces : public StatusSource {
 public:
  std::string instance() const override { return "bench"; }
  std::string seed_file() const override { return ""; }
  uint32_t heartbeat_ms() const override { return 1; }
  std::vector<Interface> interfaces() const override { return {}; }
  std::optional<Applied> applied() const override { return std::nullopt; }
  std::string unresolved_reason(uint16_t) const override { return ""; }
  std::string down_reason(uint16_t) const override { return ""; }
  Checks checks() const override { return {}; }
};

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = std::filesystem::temp_directory_path() / "belka-bench-XXXXXX";
    if (!mkdtemp(name.data())) throw Error("no temporary directory");
    path_ = name;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// From starting the process to its end, as an operator waits for it.
double command_ns(const std::string& socket, const char* share) {
  const char* build = std::getenv("BELKA_BUILD");
  const std::string command = fmt::format("{}/belkactl --socket={} split web canary={} >/dev/null",
                                          build ? build : "build/release", socket, share);
  return elapsed_ns([&] {
    if (std::system(command.c_str()) != 0) throw Error(fmt::format("failed: {}", command));
  });
}

Figure measure_change() {
  Tables tables = Tables::create_private(1, 1);
  Publisher publisher(tables, fixed_seed());
  const Config five = config_of(16, 4, 50'000), six = config_of(16, 4, 60'000);
  publisher.publish(five);
  std::vector<double> commits, commands;
  size_t stores = 0;
  for (int round = 0; round < kRounds; round++) {
    PreparedChange to_six = publisher.prepare(six);
    stores = to_six.slots.size();
    commits.push_back(elapsed_ns([&] { publisher.commit(to_six); }));
    publisher.publish(five);
  }
  const TemporaryDirectory directory;
  NoInterfaces source;
  Controller controller(tables, publisher, source, [](const Config&, const Seed&) {});
  const Api api(controller, directory.file("socket"));
  for (int round = 0; round < 11; round++) {
    commands.push_back(command_ns(directory.file("socket"), "6%"));
    command_ns(directory.file("socket"), "5%");
  }
  return {.ns = median(commits),
          .note = fmt::format("{} slots stored; the whole `belkactl split`: {:.1f} ms", stores,
                              median(commands) / 1e6)};
}

const bool kRegistered = [] {
  add_figure("ring/build/backends:1000", "20 ms", measure_build);
  add_figure("split/change", "100 us", measure_change);
  return true;
}();

}  // namespace
}  // namespace belka::bench
