// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "control/change.h"
#include "control/standing.h"

namespace belka {

// A step of prepare_change, for a service whose backends have their numbers: who of it is up.
class ServiceStanding {
 public:
  // `numbers` by pool and backend; `kept` by number: it was there before, so that what the tables
  // say of it counts; of the others, what stands in `new_backends`, whose marks are set.
  ServiceStanding(const TableView& tables, const HeldService* before, const HeldService& after,
                  const std::vector<std::vector<uint16_t>>& numbers, const std::vector<bool>& kept,
                  const ChangeTerms& terms, std::vector<NewBackend>& new_backends);

  const std::vector<PoolStanding>& pools() const { return pools_; }

  // Its marks, and who waits.
  void note(PreparedChange& change) const;

  // A slot's word, without those that are down; `heir` answers it now.
  uint32_t without_down(uint32_t word, uint16_t heir) const;

 private:
  BackendStanding standing_of(uint16_t number, uint8_t fallback) const;
  void stand_pool(const HeldService* before, const PoolConfig& pool,
                  const std::vector<uint16_t>& numbers);
  void stand_leaving(const HeldBackend& backend);
  void mark(uint16_t number, uint8_t down);
  bool is_down(uint16_t number) const;

  const TableView& tables_;
  const std::vector<bool>& kept_;
  const ChangeTerms& terms_;
  const uint16_t service_;
  const bool is_checked_;
  const bool is_restart_;
  std::map<uint16_t, BackendRecord*> new_;  // by number
  std::vector<PoolStanding> pools_;
  std::vector<BackendMark> marks_;  // that differ from what stands
  bool any_goes_down_ = false;
  std::vector<uint16_t> waiting_;
  std::vector<uint16_t> down_;  // in order
};

}  // namespace belka
