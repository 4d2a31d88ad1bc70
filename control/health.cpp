// SPDX-License-Identifier: Apache-2.0
#include "control/health.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "control/error.h"

namespace belka {
namespace {

constexpr uint64_t kNsPerSecond = 1'000'000'000;
constexpr int kMaxPerCall = 128;  // of each: events, checks that time out, checks that start
constexpr uint64_t kWantNs = 100 * kNsPerMs;     // between tries while descriptors are wanting
constexpr uint64_t kMaxLateNs = 250 * kNsPerMs;  // by which a deadline may be noticed late
constexpr uint64_t kTimerId = UINT64_MAX;        // no target's

uint64_t clock_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * kNsPerSecond + static_cast<uint64_t>(now.tv_nsec);
}

size_t half_of_the_descriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
  return std::max<size_t>(limit.rlim_cur / 2, 1);
}

Descriptor have(int fd, std::string_view what) {
  if (fd < 0)
    throw Error(fmt::format("cannot make {} for health checks: {}; raise the limit of open files",
                            what, std::strerror(errno)));
  return Descriptor(fd);
}

bool same_check(const HealthTarget& a, const HealthTarget& b) {
  return a.config == b.config && a.port == b.port;
}

}  // namespace

HealthChecker::HealthChecker(size_t max_sockets)
    : max_sockets_(std::clamp<size_t>(max_sockets, 1, half_of_the_descriptors())),
      epoll_(have(epoll_create1(EPOLL_CLOEXEC), "an epoll descriptor")),
      timer_(have(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "a timer")) {
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kTimerId}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, timer_.get(), &event) != 0)
    throw Error(fmt::format("cannot watch the timer of health checks: {}; free kernel memory",
                            std::strerror(errno)));
}

void HealthChecker::set_targets(std::vector<HealthTarget> targets) {
  std::unordered_map<uint32_t, Entry> before = std::exchange(entries_, {});
  for (HealthTarget& target : targets) {
    auto known = before.extract(target.id);
    if (known && known.mapped().target.address == target.address) {
      Entry& entry = known.mapped();
      target.starts_up = entry.state.up;
      if (same_check(entry.target, target)) {
        entries_.insert(std::move(known));
        continue;
      }
    }
    if (known) stop(known.mapped());
    add(std::move(target));
  }
  for (auto& [id, entry] : before) stop(entry);
  arm();
}

void HealthChecker::add(HealthTarget target) {
  const uint64_t due_ns = first_check_ns(target.id, target.config.every_ms, clock_ns());
  Entry& entry = entries_[target.id];
  if (entry.due_ns != 0) stop(entry);  // it stands in the list twice
  entry = Entry{};
  entry.target = std::move(target);
  entry.state.up = entry.target.starts_up;
  entry.planned_ns = due_ns;
  plan(entry, due_ns);
}

// Leaves it in neither queue, with no check running.
void HealthChecker::stop(Entry& entry) {
  (entry.probe ? deadlines_ : starts_).erase({entry.due_ns, entry.target.id});
  entry.probe.reset();
  entry.watched = 0;
}

void HealthChecker::plan(Entry& entry, uint64_t due_ns) {
  entry.due_ns = due_ns;
  starts_.emplace(due_ns, entry.target.id);
}

std::vector<HealthChange> HealthChecker::handle_events() {
  std::array<epoll_event, kMaxPerCall> events;
  const int ready = epoll_wait(epoll_.get(), events.data(), kMaxPerCall, 0);
  for (int i = 0; i < ready; ++i)
    if (events[i].data.u64 != kTimerId) handle_ready(static_cast<uint32_t>(events[i].data.u64));
  run_deadlines();
  run_starts();
  arm();
  return std::exchange(changes_, {});
}

void HealthChecker::handle_ready(uint32_t id) {
  const auto found = entries_.find(id);
  if (found != entries_.end() && found->second.probe)
    go_on(found->second, found->second.probe->advance());
}

void HealthChecker::run_deadlines() {
  const uint64_t now_ns = clock_ns();
  for (int i = 0; i < kMaxPerCall && !deadlines_.empty(); ++i) {
    const auto [due_ns, id] = *deadlines_.begin();
    if (due_ns > now_ns) return;
    time_out(entries_.at(id), now_ns);
  }
}

// What came before we looked counts. Else it failed, unless we looked so late that it had no fair
// chance; two times in a row is no excuse.
void HealthChecker::time_out(Entry& entry, uint64_t now_ns) {
  const auto result = entry.probe->advance();
  if (result != HealthProbe::Result::pending) {
    go_on(entry, result);
    return;
  }
  const uint64_t timeout_ns = entry.target.config.timeout_ms * kNsPerMs;
  const bool is_late = now_ns - entry.due_ns > std::min(timeout_ns / 4, kMaxLateNs);
  if (!is_late || entry.was_late) {
    finish(entry, false, fmt::format("timed out after {} ms", entry.target.config.timeout_ms));
    return;
  }
  entry.was_late = true;
  postpone(entry, now_ns);
}

void HealthChecker::postpone(Entry& entry, uint64_t due_ns) {
  stop(entry);
  ++counts_.postponed;
  plan(entry, due_ns);
}

void HealthChecker::pause_all(Entry& entry, std::string lack) {
  lack_ = std::move(lack);
  const uint64_t now_ns = clock_ns();
  no_start_before_ns_ = now_ns + kWantNs;
  postpone(entry, now_ns);
}

void HealthChecker::leave_out(Entry& entry) {
  const HealthTarget& target = entry.target;
  lack_.clear();
  if (++entry.not_made_in_row >= target.config.fall) entry.not_made = entry.probe->reason();
  if (entry.not_made_in_row == target.config.fall)
    changes_.push_back({target.id, entry.state.up, entry.not_made, false});
  entry.planned_ns = next_check_ns(entry.planned_ns, target.config.every_ms, clock_ns());
  postpone(entry, entry.planned_ns);
}

void HealthChecker::run_starts() {
  for (int i = 0; i < kMaxPerCall && !starts_.empty(); ++i) {
    const uint64_t now_ns = clock_ns();
    const auto [due_ns, id] = *starts_.begin();
    if (due_ns > now_ns || no_start_before_ns_ > now_ns || deadlines_.size() >= max_sockets_)
      return;
    start(entries_.at(id), now_ns);
  }
}

void HealthChecker::start(Entry& entry, uint64_t now_ns) {
  stop(entry);
  entry.due_ns = now_ns + entry.target.config.timeout_ms * kNsPerMs;
  deadlines_.emplace(entry.due_ns, entry.target.id);
  entry.probe = std::make_unique<HealthProbe>(entry.target);
  go_on(entry, entry.probe->start());
}

void HealthChecker::go_on(Entry& entry, HealthProbe::Result result) {
  if (result == HealthProbe::Result::passed) {
    finish(entry, true, "");
  } else if (result == HealthProbe::Result::failed) {
    finish(entry, false, entry.probe->reason());
  } else if (result == HealthProbe::Result::not_made) {
    leave_out(entry);
  } else if (result == HealthProbe::Result::none_made) {
    pause_all(entry, entry.probe->reason());
  } else if (!watch(entry)) {
    pause_all(entry, "epoll takes no more");
  }
}

// Its descriptor leaves epoll by itself, when it is closed.
bool HealthChecker::watch(Entry& entry) {
  const uint32_t wanted = entry.probe->events();
  if (wanted == entry.watched) return true;
  epoll_event event{.events = wanted, .data = {.u64 = entry.target.id}};
  const int operation = entry.watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  entry.watched = wanted;
  return epoll_ctl(epoll_.get(), operation, entry.probe->fd(), &event) == 0;
}

void HealthChecker::finish(Entry& entry, bool passed, std::string reason) {
  stop(entry);
  entry.was_late = false;
  entry.not_made_in_row = 0;
  entry.not_made.clear();
  lack_.clear();
  entry.last_reason = std::move(reason);
  entry.last_ns = clock_ns();
  ++(passed ? counts_.passed : counts_.failed);
  const HealthTarget& target = entry.target;
  if (entry.state.note(passed, target.config)) {
    const std::string why =
        passed ? fmt::format("passed {} in a row", entry.state.passed_in_row) : entry.last_reason;
    changes_.push_back({.id = target.id, .up = entry.state.up, .reason = why});
  }
  entry.planned_ns = next_check_ns(entry.planned_ns, target.config.every_ms, entry.last_ns);
  plan(entry, entry.planned_ns);
}

// A timer that is set anew is not readable before it expires anew: at once, where the time is past.
void HealthChecker::arm() {
  uint64_t next_ns = 0;  // never
  if (!deadlines_.empty()) next_ns = deadlines_.begin()->first;
  if (!starts_.empty() && deadlines_.size() < max_sockets_) {
    const uint64_t start_ns = std::max(starts_.begin()->first, no_start_before_ns_);
    next_ns = next_ns == 0 ? start_ns : std::min(next_ns, start_ns);
  }
  const itimerspec when{.it_interval = {},
                        .it_value = {.tv_sec = static_cast<time_t>(next_ns / kNsPerSecond),
                                     .tv_nsec = static_cast<long>(next_ns % kNsPerSecond)}};
  (void)timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

std::optional<HealthChecker::View> HealthChecker::view(uint32_t id) const {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return std::nullopt;
  const Entry& entry = found->second;
  return View{entry.state.up,
              entry.state.failed_in_row,
              entry.state.passed_in_row,
              entry.last_reason,
              entry.last_ns,
              entry.not_made};
}

}  // namespace belka
