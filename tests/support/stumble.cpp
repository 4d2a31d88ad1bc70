// SPDX-License-Identifier: Apache-2.0
#include "tests/support/stumble.h"

#include <sched.h>

#include <atomic>
#include <cstdint>

namespace belka {
namespace {

constexpr uint32_t kStumblesOfTurn = 16;  // others may run so often: a slice on a busy machine

thread_local uint32_t calls_of_stumble = 40;
thread_local uint32_t most_turns = 4096;  // of a loop that does nothing, a power of two: 1 us
std::atomic<uint32_t> threads = 0;
thread_local uint32_t random_state = 0;

uint32_t next_random() {
  if (random_state == 0) random_state = 2654435769u * ++threads | 1;
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return random_state;
}

}  // namespace

void stumble() {
  const uint32_t random = next_random();
  if (random % calls_of_stumble != 0) return;
  if ((random >> 28) % kStumblesOfTurn == 0) sched_yield();
  for (uint32_t turn = random >> 8 & (most_turns - 1); turn > 0; turn--) {
    std::atomic_signal_fence(std::memory_order_seq_cst);  // so that the loop stays
  }
}

void stumble_more() {
  calls_of_stumble = 8;
  most_turns = 32'768;
}

}  // namespace belka
