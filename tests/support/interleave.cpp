// SPDX-License-Identifier: Apache-2.0
#include "tests/support/interleave.h"

#include <fmt/format.h>
#include <setjmp.h>
#include <ucontext.h>

#include <array>
#include <cstdlib>
#include <memory>

#include "control/error.h"

namespace belka {
namespace {

constexpr size_t kStackBytes = 64 * 1024;

/// Which of several ways was taken at a place where there were several.
struct Choice {
  uint32_t taken, ways;
};

/// A task was stopped, or came to its end.
struct Stop {
  size_t task;
  uint32_t point;  ///< 0: the end
};

/// Where something goes on. A jump costs no system call, unlike swapcontext, which is left to begin
/// a stack.
struct Place {
  jmp_buf at;
};

/// One task on a stack of its own: it runs once in each order, then waits for the next.
struct Fiber {
  std::array<char, kStackBytes> stack;
  ucontext_t context;
  Place place;
  bool begun = false;   ///< it has a place to go on from
  uint32_t points = 0;  ///< passed
  bool ended = false;
};

class Runner {
 public:
  explicit Runner(const Interleaving& wanted) : wanted_(wanted) {
    for (size_t i = 0; i < wanted.tasks.size(); i++) fibers_.push_back(std::make_unique<Fiber>());
  }

  /// The next order, from begin() to the last task's end.
  void run() {
    order_.clear();
    depth_ = 0;
    stops_left_ = wanted_.stops;
    wanted_.begin();
    for (auto& fiber : fibers_) {
      fiber->points = 0;
      fiber->ended = false;
    }
    go_on_with(choose(static_cast<uint32_t>(fibers_.size())), caller_);
  }

  /// Prepares the order after this one; false where this was the last.
  bool next() {
    while (!path_.empty() && path_.back().taken + 1 == path_.back().ways) path_.pop_back();
    if (path_.empty()) return false;
    path_.back().taken++;
    return true;
  }

  void point() {
    fibers_[current_]->points++;
    if (stops_left_ == 0) return;
    const std::vector<size_t> others = runnable_but(current_);
    const uint32_t way = choose(1 + static_cast<uint32_t>(others.size()));
    if (way == 0) return;
    stops_left_--;
    order_.push_back({current_, fibers_[current_]->points});
    go_on_with(others[way - 1], fibers_[current_]->place);
  }

  std::string order() const {
    std::string text;
    for (const auto& [task, point] : order_) {
      text +=
          fmt::format("task {} to {}; ", task, point ? fmt::format("point {}", point) : "its end");
    }
    return text;
  }

 private:
  static void start();

  [[noreturn]] void begin(Fiber& fiber) {
    fiber.begun = true;
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.data();
    fiber.context.uc_stack.ss_size = fiber.stack.size();
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, &Runner::start, 0);
    setcontext(&fiber.context);
    std::abort();
  }

  /// On a fiber's stack.
  [[noreturn]] void run_current() {
    for (;;) {
      const size_t task = current_;
      wanted_.tasks[task]();
      order_.push_back({task, 0});
      fibers_[task]->ended = true;
      const std::vector<size_t> others = runnable_but(task);
      if (others.empty()) {
        if (_setjmp(fibers_[task]->place.at) == 0) _longjmp(caller_.at, 1);
      } else {
        go_on_with(others[choose(static_cast<uint32_t>(others.size()))], fibers_[task]->place);
      }
    }
  }

  /// Comes back when somebody goes on with `from`.
  void go_on_with(size_t task, Place& from) {
    current_ = task;
    if (_setjmp(from.at) != 0) return;
    if (!fibers_[task]->begun) begin(*fibers_[task]);
    _longjmp(fibers_[task]->place.at, 1);
  }

  std::vector<size_t> runnable_but(size_t task) const {
    std::vector<size_t> others;
    for (size_t i = 0; i < fibers_.size(); i++) {
      if (i != task && !fibers_[i]->ended) others.push_back(i);
    }
    return others;
  }

  uint32_t choose(uint32_t ways) {
    if (ways == 1) return 0;
    if (depth_ == path_.size()) path_.push_back({0, ways});
    return path_[depth_++].taken;
  }

  const Interleaving& wanted_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Choice> path_;
  size_t depth_ = 0, current_ = 0;
  uint32_t stops_left_ = 0;
  Place caller_{};
  std::vector<Stop> order_;
};

Runner* runner = nullptr;

void Runner::start() { runner->run_current(); }

}  // namespace

void interleave_point() {
  if (runner) runner->point();
}

Interleaved interleave(const Interleaving& wanted, uint64_t most) {
  Interleaved result;
  Runner here(wanted);
  do {
    if (result.orders++ == most) throw Error(fmt::format("there are more than {} orders", most));
    runner = &here;
    here.run();
    runner = nullptr;
    result.fault = wanted.end();
    if (!result.fault.empty()) result.fault += "; order: " + here.order();
  } while (result.fault.empty() && here.next());
  return result;
}

}  // namespace belka
