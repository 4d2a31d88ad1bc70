// SPDX-License-Identifier: Apache-2.0
// The ring agrees, slot by slot, with ring_reference.py, which shares nothing with it but the
// words.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "control/ring.h"
#include "control/seed.h"
#include "control/shares.h"
#include "tests/unit/ring_maker.h"

namespace belka {
namespace {

using nlohmann::json;
using ring_maker::Random;

constexpr int kServices = 20;
const char kPython[] = "/usr/bin/python3";

struct Service {
  std::string name;
  Seed seed;
  uint32_t slots = 0;
  std::vector<PoolShare> shares;
  std::vector<RingPool> pools;
};

std::string hex(const Seed& seed) {
  std::string text;
  for (const uint8_t byte : seed.bytes) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", byte);
    text += digits;
  }
  return text;
}

json to_json(const Service& service) {
  json pools = json::array();
  for (size_t i = 0; i < service.pools.size(); ++i) {
    json backends = json::array();
    for (const auto& [address, weight] : service.pools[i].backends)
      backends.push_back({address.text(), weight});
    const auto& [name, ppm, match] = service.shares[i];
    pools.push_back({{"name", name}, {"share_ppm", ppm}, {"match", match}, {"backends", backends}});
  }
  return {{"name", service.name},
          {"seed", hex(service.seed)},
          {"slots", service.slots},
          {"pools", pools}};
}

// Small, but for the first, with and without baseline, up to five further pools, which meet now and
// then.
Service random_service(Random& random, int number) {
  Service service;
  service.name = "service-" + std::to_string(number);
  for (uint8_t& byte : service.seed.bytes) byte = static_cast<uint8_t>(random());
  service.slots = number == 0 ? 65'536 : ring_maker::random_slots(random, 4, 11);
  const std::vector<std::string> names{"prod", "canary", "a", "baseline", "b", "c", "d", "e"};
  const uint32_t count =
      number == 0 ? 2 : ring_maker::between(random, 1, static_cast<uint32_t>(names.size()));
  const uint32_t most = number == 0 ? 300 : 40;
  do {
    service.shares.clear();
    for (uint32_t i = 0; i < count; ++i)
      service.shares.push_back({names[i], i == 0 ? 0 : ring_maker::between(random, 0, 400'000),
                                names[i] == "baseline" && number % 2 == 0});
  } while (!share_slots(service.slots, service.shares).faults.empty());
  const auto slots = share_slots(service.slots, service.shares).slots;
  for (uint32_t i = 0; i < count; ++i)
    service.pools.push_back(
        {names[i],
         ring_maker::backends(random, i, ring_maker::between(random, i == 0, most), 0, 10),
         slots[i]});
  return service;
}

std::string lines_of(const Service& service) {
  const Ring ring =
      build_ring(service_key(service.seed, service.name), service.slots, service.pools);
  std::ostringstream lines;
  lines << service.name << "\n";
  for (uint32_t slot = 0; slot < service.slots; ++slot) {
    const RingPool& pool = service.pools[ring.pool_of_slot[slot]];
    const uint16_t backend = ring.backend_of_slot[slot];
    lines << ring.rank_of_slot[slot] << " " << pool.name << " "
          << (backend == kNoBackend ? "-" : pool.backends[backend].address.text()) << "\n";
  }
  return lines.str();
}

std::string reference_lines(const json& services) {
  std::string input = (std::filesystem::temp_directory_path() / "belka_ring_XXXXXX").string();
  const int file = mkstemp(input.data());
  if (file >= 0) close(file);
  std::ofstream(input) << services;
  const std::string script =
      (std::filesystem::path(__FILE__).parent_path() / "ring_reference.py").string();
  FILE* pipe = popen((std::string(kPython) + " " + script + " <" + input).c_str(), "r");
  std::string output;
  char buffer[65536];
  while (const size_t got = std::fread(buffer, 1, sizeof buffer, pipe)) output.append(buffer, got);
  EXPECT_EQ(pclose(pipe), 0);
  std::filesystem::remove(input);
  return output;
}

TEST(RingReference, AgreesOnEverySlotOfTwentyServices) {
  if (access(kPython, X_OK) != 0) GTEST_SKIP() << "no " << kPython;
  Random random(20);
  json services = json::array();
  std::string expected;
  for (int number = 0; number < kServices; ++number) {
    const Service service = random_service(random, number);
    services.push_back(to_json(service));
    expected += lines_of(service);
  }
  std::istringstream ours(expected);
  std::istringstream theirs(reference_lines(services));
  std::string our_line;
  std::string their_line;
  for (size_t line = 1; std::getline(ours, our_line); ++line) {
    ASSERT_TRUE(std::getline(theirs, their_line)) << "the reference ends before line " << line;
    ASSERT_EQ(our_line, their_line) << "line " << line;
  }
  EXPECT_FALSE(std::getline(theirs, their_line));
}

}  // namespace
}  // namespace belka
