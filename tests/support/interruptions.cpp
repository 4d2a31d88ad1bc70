// SPDX-License-Identifier: Apache-2.0
#include "tests/support/interruptions.h"

#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "control/error.h"

namespace belka {
namespace {

constexpr long kLeastNs = 20'000;

thread_local timer_t* timer_here = nullptr;
thread_local uint32_t jitter_ns = 0;

/// Once: the next is asked for when this thread runs again, or it would do nothing else on a busy
/// machine.
void ask_for_one() {
  jitter_ns = (jitter_ns * 5 + 7'919) % 65'536;
  const itimerspec when = {{0, 0}, {0, kLeastNs + static_cast<long>(jitter_ns)}};
  timer_settime(*timer_here, 0, &when, nullptr);
}

void stop_here(int) {
  const int error = errno;
  sched_yield();
  if (timer_here) ask_for_one();
  errno = error;
}

}  // namespace

Interruptions::Interruptions() {
  struct sigaction action {};
  action.sa_handler = stop_here;
  action.sa_flags = SA_RESTART;
  sigaction(SIGRTMIN, &action, nullptr);
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGRTMIN;
  event._sigev_un._tid = gettid();
  if (timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0) {
    throw Error(fmt::format("no timer for interruptions: {}", std::strerror(errno)));
  }
  timer_here = &timer_;
  ask_for_one();
}

Interruptions::~Interruptions() {
  timer_here = nullptr;
  timer_delete(timer_);
}

}  // namespace belka
