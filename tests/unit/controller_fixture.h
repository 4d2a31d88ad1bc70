// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "control/controller.h"
#include "control/error.h"
#include "control/publish.h"

namespace belka {

inline constexpr const char* kSeedFile = "/tmp/of-the-test";

class FakeSource : public StatusSource {
 public:
  std::string instance() const override { return "/sys/fs/bpf/test"; }
  std::string seed_file() const override { return seed_file_; }
  // So long that a test may be as slow as it likes.
  uint32_t heartbeat_ms() const override { return 1'000'000; }
  std::vector<Interface> interfaces() const override {
    return {{.name = "veth0",
             .ifindex = 5,
             .queues = 2,
             .place = 1,
             .attached = true,
             .native = true,
             .note = ""}};
  }
  std::optional<Applied> applied() const override {
    return Applied{.file = "/var/lib/belka/applied.yaml", .digest = "abc", .time_s = 86400};
  }
  std::string unresolved_reason(uint16_t) const override { return "no route to it"; }
  std::string down_reason(uint16_t) const override { return "connection refused"; }
  Checks checks() const override { return {.backends = 4, .passed = 20, .failed = 3}; }

  std::string seed_file_ = kSeedFile;
};

inline std::string web_yaml(const std::string& canary = "25%", const std::string& name = "web") {
  return std::string("seed_file: ") + kSeedFile +
         "\nservices:\n"
         "  - name: " +
         name +
         "\n    vip: 203.0.113.10\n    port: 443\n    protocol: tcp\n    forward: ipip\n"
         "    slots: 1024\n    pools:\n      prod: {backends: [10.0.1.1, 10.0.1.2]}\n"
         "      canary: {backends: [10.0.2.1]}\n      baseline: {backends: [10.0.3.1]}\n"
         "    split: {canary: " +
         canary + ", baseline: match}\n";
}

// A Controller on tables of this process alone; what it persists is kept here.
class ControllerFixture : public testing::Test {
 protected:
  Tables tables_ = Tables::create_private(1, 1);
  Publisher publisher_{tables_, Seed{}};
  FakeSource source_;
  std::vector<Config> persisted_;
  std::vector<Seed> persisted_seeds_;
  std::string persist_fault_;
  Controller controller_{tables_, publisher_, source_,
                         [this](const Config& config, const Seed& seed) {
                           if (!persist_fault_.empty()) throw Error(persist_fault_);
                           persisted_.push_back(config);
                           persisted_seeds_.push_back(seed);
                           source_.seed_file_ = config.seed_file;
                         }};
};

}  // namespace belka
