// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "control/descriptor.h"

namespace belka {

/// One data plane at a time for one set of tables, since lcore n of each would write the same row
/// of counters. An flock(2), which the kernel gives back however the process ends: on the file of
/// tables itself, or for a directory of pins on /run/belka/dataplane-<device>-<inode>.lock, which
/// goes with the claim (and stays after a kill, to be locked again).
class Claim {
 public:
  /// Throws Error: another data plane runs, or the lock cannot be made.
  static Claim file(const std::string& tables);
  static Claim pins(const std::string& directory);

  Claim(Claim&&) = default;
  Claim& operator=(Claim&&) = delete;
  ~Claim();

 private:
  Claim(const std::string& lock_path, int flags, const std::string& what);
  void lock_or_throw(const std::string& lock_path, int flags, const std::string& what);
  bool is_still_at(const std::string& lock_path) const;

  Descriptor lock_;
  std::string made_;  ///< the lock's own file; empty where it is the tables'
};

}  // namespace belka
