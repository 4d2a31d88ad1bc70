// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include "control/build.h"
#include "control/publish.h"
#include "control/table_values.h"
#include "control/verify.h"

#ifndef BELKA_KILL_STRIDE
#define BELKA_KILL_STRIDE 1
#endif

namespace belka {

// Publishers are killed before each store of a change, or before every fourth. It is no multiple
// of 3: by the store's number modulo 3 a test chooses what comes after the kill.
inline constexpr uint64_t kKillStride = BELKA_KILL_STRIDE;
static_assert(kKillStride % 3 != 0);

// Where the configuration says nothing else.
inline constexpr uint64_t kTickNs = uint64_t{kMaxTickMs} * 1'000'000;

inline Seed test_seed() {
  Seed seed;
  std::iota(seed.bytes.begin(), seed.bytes.end(), uint8_t{1});
  return seed;
}

inline Address address(const std::string& text) { return Address::parse(text).value(); }

inline PoolConfig pool(const std::string& name, const std::vector<std::string>& addresses,
                       uint32_t share_ppm = 0) {
  PoolConfig pool{.name = name, .backends = {}, .share_ppm = share_ppm, .match = false};
  pool.fallback = default_fallback(name);
  for (const std::string& text : addresses) pool.backends.push_back({address(text), 1});
  return pool;
}

// `web`: two prod servers, a canary of the given share, a baseline that matches it.
inline ServiceConfig web(uint32_t slots = 64, uint32_t canary_ppm = 125'000) {
  ServiceConfig service;
  service.name = "web";
  service.vip = address("203.0.113.10");
  service.port = 443;
  service.slots = slots;
  service.pools = {pool("prod", {"10.0.1.1", "10.0.1.2"}), pool("canary", {"10.0.2.1"}, canary_ppm),
                   pool("baseline", {"10.0.3.1"})};
  service.pools[2].match = true;
  return service;
}

// `dns`: IPv6, UDP, all ports, by source, tunnelled, prod alone.
inline ServiceConfig dns(uint32_t slots = 32) {
  ServiceConfig service;
  service.name = "dns";
  service.vip = address("2001:db8::53");
  service.protocol = 17;
  service.hash = HashMode::source;
  service.prefix_bits_v6 = 56;
  service.forward = ForwardMode::ipip;
  service.slots = slots;
  service.pools = {pool("prod", {"2001:db8:1::1", "2001:db8:1::2", "2001:db8:1::3"})};
  service.pools[0].backends[2].weight = 3;
  return service;
}

inline Config config_with(const std::vector<ServiceConfig>& services) {
  Config config;
  config.services = services;
  return config;
}

// Time that passes only when somebody sleeps, and a count of the stores.
struct TestMachine {
  uint64_t now_ns = 1;
  uint64_t slept_ns = 0;
  uint64_t stores = 0;
  uint64_t kill_before = UINT64_MAX;  // the store, from 0, that is not made any more

  struct Killed {};

  PublishHooks hooks() {
    return {.now_ns = [this] { return now_ns; },
            .sleep =
                [this](uint64_t ns) {
                  now_ns += ns;
                  slept_ns += ns;
                },
            .before_each_store =
                [this] {
                  if (stores == kill_before) throw Killed();
                  ++stores;
                }};
  }
};

// Ticks until nothing is on its way any more, and what was unlinked has rested.
inline void settle(Publisher& publisher, TestMachine& machine) {
  constexpr int kMostTicks = 200;  // two idle times of 32 ticks, and then some
  for (int i = 0; i < kMostTicks; ++i) {
    machine.now_ns += uint64_t{kMaxTickMs} * 1'000'000;
    publisher.pass_time();
    bool leaving = publisher.keeper().anything_moves();
    for (const auto& [name, service] : publisher.holdings().services)
      leaving |= service.draining || !service.leaving.empty();
    if (!leaving) break;
  }
  machine.now_ns += kGraceNs;
  publisher.collect();
}

// The address that each slot of the service's ring answers, as configured.
inline std::vector<std::string> ring_answers(const ServiceConfig& service) {
  const ServiceRing ring = build_service_ring(service, test_seed());
  std::vector<std::string> answers;
  for (size_t i = 0; i < service.slots; ++i)
    answers.push_back(ring.pools[ring.ring.pool_of_slot[i]]
                          .backends[ring.ring.backend_of_slot[i]]
                          .address.text());
  return answers;
}

// What packets to the service find.
inline std::optional<choice> find(const Tables& tables, const ServiceConfig& service) {
  const TableKey key = key_of(service);
  choice found{};
  if (!service_find(tables.view(), &key, &found)) return std::nullopt;
  return found;
}

class PublishTest : public ::testing::Test {
 protected:
  Tables tables_ = Tables::create_private(1, 1);
  TestMachine machine_;
  Publisher publisher_{tables_, test_seed(), machine_.hooks()};
};

}  // namespace belka
