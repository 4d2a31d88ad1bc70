// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <pthread.h>

#include <condition_variable>
#include <mutex>
#include <vector>

#include "dataplane/worker.h"

namespace belka {

/// Says on stderr, once, which ports the workers lost. A thread of its own looks every 100 ms, on
/// the CPUs that DPDK leaves to such (where there are some, none of an lcore's): every lcore polls.
class LossReport {
 public:
  /// The workers must outlive it. Throws Error: no thread can be made.
  explicit LossReport(const std::vector<Worker>& workers);
  LossReport(const LossReport&) = delete;
  LossReport& operator=(const LossReport&) = delete;
  ~LossReport();

  /// After the workers' end: says what is left to be said. Throws Error where every port is lost.
  void end();

 private:
  static void* look(void* report);
  void say_new();
  void stop();

  const std::vector<Worker>& workers_;
  std::vector<const Port*> said_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_over_ = false;  ///< under mutex_
  bool has_thread_ = false;
  pthread_t thread_{};
};

}  // namespace belka
