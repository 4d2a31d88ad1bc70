// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <time.h>

namespace belka {

/// While it lives its thread is stopped at any instruction, some ten thousand times a second, and
/// others run instead: threads race so even where they have one processor between them. One at a
/// time in a thread, which must also be the one that ends it. Throws Error.
class Interruptions {
 public:
  Interruptions();
  Interruptions(const Interruptions&) = delete;
  Interruptions& operator=(const Interruptions&) = delete;
  ~Interruptions();

 private:
  timer_t timer_{};
};

}  // namespace belka
