// SPDX-License-Identifier: Apache-2.0
#include "control/state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "control/error.h"
#include "control/interface_list.h"
#include "control/rights.h"

namespace belka {
namespace {

class StateTest : public testing::Test {
 protected:
  StateTest() {
    std::string pattern = testing::TempDir() + "belka-state-XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~StateTest() override { std::filesystem::remove_all(directory_); }
  std::string directory_;
};

Config one_service() {
  const auto result = parse_config(
      "services: [{name: web, vip: 203.0.113.10, port: 443, protocol: tcp, forward: ipip, "
      "pools: {prod: {backends: [10.0.0.1]}}}]",
      "test");
  return result.config.value();
}

TEST_F(StateTest, WhatIsSavedIsLoaded) {
  const State state(directory_ + "/made/below");
  EXPECT_FALSE(state.load());
  const std::string digest = state.save(one_service(), "0123", "89");
  const auto saved = state.load();
  ASSERT_TRUE(saved);
  EXPECT_EQ(saved->config, one_service());
  EXPECT_EQ(saved->loaded_digest, "0123");
  EXPECT_EQ(saved->seed_digest, "89");
  EXPECT_EQ(saved->digest, digest);
  EXPECT_GT(saved->time_s, 0);
  state.save(Config{}, "", "");
  EXPECT_EQ(state.load()->loaded_digest, "");
}

TEST_F(StateTest, AKillWhileSavingLeavesWhatWasThere) {
  const State state(directory_);
  state.save(one_service(), "0123", "89");
  std::ofstream(state.file() + ".new") << "services: [{na";
  EXPECT_EQ(state.load()->config, one_service());
  state.save(Config{}, "4567", "");
  EXPECT_EQ(state.load()->loaded_digest, "4567");
}

TEST_F(StateTest, ASaveThatFailsLeavesNothingBehind) {
  const State state(directory_);
  std::filesystem::create_directories(state.file() + "/in/the/way");
  EXPECT_THROW(state.save(one_service(), "0123", "89"), Error);
  EXPECT_FALSE(std::filesystem::exists(state.file() + ".new"));
  std::filesystem::remove_all(state.file());
  state.save(one_service(), "4567", "89");
  EXPECT_EQ(state.load()->loaded_digest, "4567");
}

TEST_F(StateTest, OneDaemonHasTheDirectory) {
  std::optional<State> first(directory_);
  try {
    const State second(directory_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("keeps its state in " + directory_));
    EXPECT_THAT(error.what(), testing::HasSubstr("give this one another --state"));
  }
  first.reset();
  const State third(directory_);
}

TEST_F(StateTest, ABrokenFileIsAnError) {
  const State state(directory_);
  std::ofstream(state.file()) << "services: 7\n";
  EXPECT_THROW((void)state.load(), Error);
}

TEST_F(StateTest, OnlyTheOwnerReadsIt) {
  const State state(directory_);
  state.save(one_service(), "", "");
  struct stat status {};
  ASSERT_EQ(stat(state.file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST(Digest, TellsTextsApart) {
  EXPECT_EQ(digest_of("a"), digest_of("a"));
  EXPECT_NE(digest_of("a"), digest_of("b"));
  EXPECT_EQ(digest_of("").size(), 32u);
}

TEST(InterfaceList, AllThatAreGivenCount) {
  std::string words[] = {"belkad",    "--interface=eth0,eth1", "--config", "x", "-interface",
                         "eth2,eth0", "--interfaces=eth9"};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  const auto names =
      interfaces_on_command_line(static_cast<int>(arguments.size()), arguments.data());
  EXPECT_EQ(names, (std::vector<std::string>{"eth0", "eth1", "eth2"}));
}

TEST(InterfaceList, NamesThatNoInterfaceCanHaveAreRefused) {
  for (const char* list : {"", "eth0,", ",eth0", "a-name-of-16-byte"}) {
    EXPECT_THROW((void)parse_interface_list({list}), Error) << list;
  }
}

TEST(Rights, RootsAreEnoughAndNobodysAreNot) {
  EXPECT_EQ(missing_rights(~uint64_t{0}), std::vector<std::string>{});
  EXPECT_EQ(missing_rights(0), (std::vector<std::string>{"NET_ADMIN", "BPF", "PERFMON"}));
  EXPECT_EQ(missing_rights(uint64_t{1} << 12 | uint64_t{1} << 21), std::vector<std::string>{});
}

}  // namespace
}  // namespace belka
