// SPDX-License-Identifier: Apache-2.0
#include "dataplane/loss_report.h"

#include <fmt/format.h>
#include <rte_lcore.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>

#include "control/error.h"

namespace belka {
namespace {

constexpr std::chrono::milliseconds kLook{100};

}  // namespace

LossReport::LossReport(const std::vector<Worker>& workers) : workers_(workers) {
  const int error = rte_ctrl_thread_create(&thread_, "belka-losses", nullptr, look, this);
  if (error != 0) {
    throw Error(fmt::format("cannot make a thread: {}", std::strerror(-error)));
  }
  has_thread_ = true;
}

LossReport::~LossReport() { stop(); }

void LossReport::stop() {
  if (!has_thread_) return;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_over_ = true;
  }
  changed_.notify_one();
  pthread_join(thread_, nullptr);
  has_thread_ = false;
}

void* LossReport::look(void* report) {
  auto* self = static_cast<LossReport*>(report);
  std::unique_lock<std::mutex> lock(self->mutex_);
  while (!self->changed_.wait_for(lock, kLook, [&] { return self->is_over_; })) self->say_new();
  return nullptr;
}

/// What comes in by a lost port's interface, if it is back, is split by the XDP program; to poll it
/// again is for a new start.
void LossReport::say_new() {
  std::string names;
  for (const Worker& worker : workers_) {
    for (size_t place = 0; place < worker.ports().size(); place++) {
      const Port* port = worker.ports()[place];
      if (!worker.lost(place) || std::ranges::find(said_, port) != said_.end()) continue;
      names += (names.empty() ? "" : ", ") + port->plan().name;
      said_.push_back(port);
    }
  }
  if (names.empty()) return;
  std::fprintf(stderr,
               "belka-dataplane: the interface of %s was removed, or belkad does not run on it any "
               "more: not polled until this is started again, when `belkactl status` lists it\n",
               names.c_str());
}

void LossReport::end() {
  stop();
  say_new();
  size_t ports = 0;
  for (const Worker& worker : workers_) ports += worker.ports().size();
  if (said_.size() == ports) throw Error("no interface is left to poll: stopped");
}

}  // namespace belka
