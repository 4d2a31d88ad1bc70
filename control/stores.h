// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <type_traits>
#include <utility>

namespace belka {

// Every store into the shared tables goes through here, one aligned word at a time, so that a test
// can stop a publisher before any of them, as a kill would.
//
// All stores are releases: on x86-64 that costs nothing, and whoever sees a word sees what was
// stored before it. Each caller names the load that his store pairs with.
class Stores {
 public:
  // `before_each` is called before every store; what it throws ends the publishing there.
  explicit Stores(std::function<void()> before_each = {}) : before_each_(std::move(before_each)) {}

  template <typename T>
  void store(T& word, std::type_identity_t<T> value) {
    if (before_each_) before_each_();
    __atomic_store_n(&word, value, __ATOMIC_RELEASE);
  }

  // Stores only where the word differs.
  template <typename T>
  void update(T& word, std::type_identity_t<T> value) {
    if (word != value) store(word, value);
  }

  // For bytes of the tables that stand at a multiple of eight and are as many: word by word, only
  // those that differ. A kill may leave some old and some new.
  void update_words(void* to, const void* from, size_t bytes) {
    for (size_t i = 0; i < bytes / sizeof(Word); ++i)
      update(static_cast<Word*>(to)[i], word_of(from, i));
  }

  // A text whose first byte says whether it is there: the first word goes first and comes back
  // last, so that no part of an old name is ever joined to part of a new one.
  void update_text(void* to, const void* from, size_t bytes) {
    constexpr size_t kFirst = sizeof(Word);
    if (std::memcmp(to, from, bytes) == 0) return;
    update(*static_cast<Word*>(to), 0);
    update_words(static_cast<char*>(to) + kFirst, static_cast<const char*>(from) + kFirst,
                 bytes - kFirst);
    update(*static_cast<Word*>(to), word_of(from, 0));
  }

 private:
  using Word = uint64_t __attribute__((may_alias));

  static uint64_t word_of(const void* from, size_t index) {
    uint64_t word;
    std::memcpy(&word, static_cast<const char*>(from) + index * sizeof word, sizeof word);
    return word;
  }

  std::function<void()> before_each_;
};

}  // namespace belka
