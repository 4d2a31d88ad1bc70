// SPDX-License-Identifier: Apache-2.0
#include "control/service_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <random>
#include <thread>

#include "dataplane/tables.h"

namespace belka {
namespace {

// Keys with a home of the test's choice, found by trying VIPs.
EntryRecord entry_at(uint32_t home, uint16_t service, uint32_t nth = 0) {
  ServiceConfig config;
  config.vip.family = 4;
  config.slots = 16;
  config.port = 80;
  for (uint32_t i = 0;; ++i) {
    for (int byte = 0; byte < 4; ++byte)
      config.vip.bytes[byte] = static_cast<uint8_t>(i >> (8 * byte));
    const TableKey key = key_of(config);
    if (service_home(&key) == home && nth-- == 0) return entry_of(config, {1, 2}, service, 0);
  }
}

class ServiceTable : public ::testing::Test {
 protected:
  EntryRecord* table() { return tables_.view()->services; }

  EntryChange apply(const std::vector<EntryRecord>& wanted) {
    const EntryChange change = plan_entries(table(), wanted);
    EXPECT_EQ(change.fault, "");
    place_entries(stores_, table(), change);
    remove_entries(stores_, table(), change);
    EXPECT_TRUE(plan_entries(table(), wanted).empty());
    return change;
  }

  // The service that a packet with the entry's key finds; -1: none.
  int find(const EntryRecord& entry) const {
    const TableKey key = key_of(entry);
    choice found{};
    return service_find(tables_.view(), &key, &found) ? found.service : -1;
  }

  Tables tables_ = Tables::create_private(1, 1);
  Stores stores_;
};

TEST_F(ServiceTable, AnEntryForAKeyGoesBehindTheOneThatHasIt) {
  EntryRecord old_entry = entry_at(100, 1);
  EntryRecord new_entry = old_entry;
  new_entry.service = 2;
  apply({old_entry});
  const EntryChange change = plan_entries(table(), {new_entry});
  ASSERT_EQ(change.placed.size(), 1u);
  EXPECT_EQ(change.placed[0].first, 101u);
  EXPECT_FALSE(change.wait_before_removal);
  place_entries(stores_, table(), change);
  EXPECT_EQ(find(old_entry), 1);
  remove_entries(stores_, table(), change);
  EXPECT_EQ(find(old_entry), 2);
}

TEST_F(ServiceTable, WithNoPlaceBehindItGoesBeforeAndTheOldOneStaysForAWhile) {
  std::vector<EntryRecord> run;
  for (uint32_t i = 0; i < SERVICE_PROBES; ++i) run.push_back(entry_at(8190, i, i));  // wraps
  apply(run);
  EntryRecord last = run.back();
  run[0] = entry_at(4000, 100);
  apply(run);  // the first place is a tombstone now
  run.back().service = 99;
  const EntryChange change = plan_entries(table(), run);
  ASSERT_EQ(change.fault, "");
  EXPECT_TRUE(change.wait_before_removal);
  EXPECT_EQ(change.placed[0].first, 8190u);
  place_entries(stores_, table(), change);
  EXPECT_EQ(find(last), 99);
  remove_entries(stores_, table(), change);
  EXPECT_EQ(find(last), 99);
}

TEST_F(ServiceTable, MoreEntriesThanProbesForOneHomeIsAFault) {
  std::vector<EntryRecord> run;
  for (uint32_t i = 0; i <= SERVICE_PROBES; ++i) run.push_back(entry_at(7, i, i));
  const EntryChange change = plan_entries(table(), run);
  EXPECT_NE(change.fault.find("16 probes"), std::string::npos) << change.fault;
}

TEST_F(ServiceTable, TombstonesBecomeEmptyWhereNothingFollows) {
  std::vector<EntryRecord> run;
  for (uint32_t i = 0; i < 4; ++i) run.push_back(entry_at(8190, i, i));
  apply(run);
  apply({run[0], run[3]});
  EXPECT_EQ(table()[8191].port_protocol_family >> 24, uint32_t{PLACE_TOMBSTONE});
  EXPECT_EQ(table()[0].port_protocol_family >> 24, uint32_t{PLACE_TOMBSTONE});
  EXPECT_EQ(find(run[3]), 3);
  apply({run[0]});
  for (const uint32_t place : {8191u, 0u, 1u}) EXPECT_EQ(table()[place].port_protocol_family, 0u);
  EXPECT_EQ(find(run[0]), 0);
}

TEST_F(ServiceTable, RandomChangesFindExactlyWhatIsWanted) {
  std::mt19937 random(3);
  std::vector<EntryRecord> keys;
  for (uint32_t i = 0; i < 24; ++i) keys.push_back(entry_at(50 + 2 * (i % 12), 0, i / 12));
  std::map<size_t, uint16_t> state;
  for (uint16_t round = 1; round <= 300; ++round) {
    std::map<size_t, uint16_t> next = state;
    for (int i = 0; i < 5; ++i) {
      const size_t key = random() % keys.size();
      if (random() % 2) {
        next[key] = round;
      } else {
        next.erase(key);
      }
    }
    std::vector<EntryRecord> wanted;
    for (const auto& [key, service] : next) {
      wanted.push_back(keys[key]);
      wanted.back().service = service;
    }
    const EntryChange change = plan_entries(table(), wanted);
    ASSERT_EQ(change.fault, "");
    const auto check = [&] {
      for (size_t key = 0; key < keys.size(); ++key) {
        const int found = find(keys[key]);
        const auto before = state.find(key);
        const auto after = next.find(key);
        const bool is_old = found == (before == state.end() ? -1 : before->second);
        const bool is_new = found == (after == next.end() ? -1 : after->second);
        ASSERT_TRUE(is_old || is_new) << key;
      }
    };
    Stores checked(check);
    place_entries(checked, table(), change);
    remove_entries(checked, table(), change);
    state = next;
    for (size_t key = 0; key < keys.size(); ++key)
      ASSERT_EQ(find(keys[key]), state.contains(key) ? state[key] : -1);
  }
}

// One reader looks all the time while the entry is replaced again and again.
TEST_F(ServiceTable, AReaderBesideTheWriterAlwaysFindsOneWholeEntry) {
  EntryRecord entry = entry_at(200, 0);
  apply({entry});
  std::atomic<bool> done = false;
  std::atomic<uint64_t> missed = 0, torn = 0, looks = 0;
  std::thread reader([&] {
    const TableKey key = key_of(entry);
    while (!done) {
      choice found{};
      missed += !service_find(tables_.view(), &key, &found);
      torn += found.hash_key[0] - 1 != found.slot_base || found.slot_base != found.service * 16u;
      ++looks;
    }
  });
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  for (uint32_t i = 1; std::chrono::steady_clock::now() < end; ++i) {
    entry.service = static_cast<uint16_t>(i % SERVICES);
    entry.slot_base = entry.service * 16u;
    entry.hash_key[0] = entry.slot_base + 1;
    const EntryChange change = plan_entries(table(), {entry});
    place_entries(stores_, table(), change);
    // The grace period: until the look that may have begun before is over. What was stored must
    // have left this CPU before the looks are counted, as it has after a real one.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const uint64_t seen = looks;
    while (change.wait_before_removal && looks < seen + 2) std::this_thread::yield();
    remove_entries(stores_, table(), change);
    // As the publisher between changes that take entries away.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const uint64_t buried = looks;
    while (looks < buried + 2) std::this_thread::yield();
  }
  done = true;
  reader.join();
  EXPECT_GT(looks, 100u);
  EXPECT_EQ(missed, 0u);
  EXPECT_EQ(torn, 0u);
}

}  // namespace
}  // namespace belka
