// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "control/config.h"
#include "control/lock.h"
#include "control/seed.h"

namespace belka {

// 128 bits in hexadecimal that tell texts apart (SipHash-2-4 under two fixed keys): for noticing a
// change, not a secret.
std::string digest_of(std::string_view text);
std::string digest_of(const Seed& seed);

// What a daemon applied, kept for the next one in <directory>/applied.yaml: an ordinary
// configuration, whose first line has the digest of the --config file as it was when it was last
// loaded. A change of that file is so told from an operator's changes since. The second line has
// that of the seed.
//
// Saved whole or not at all: a temporary file, fsync, rename, fsync of the directory.
class State {
 public:
  struct Saved {
    Config config;
    std::string loaded_digest;  // of the --config file; empty: none was loaded
    std::string seed_digest;    // of the seed that it was accepted with; empty: not known
    std::string digest;         // of applied.yaml itself
    int64_t time_s = 0;         // since 1970, when it was saved
  };

  // Makes the directory (0700) where it is not there, and locks it. Throws Error: that cannot be
  // done, or another daemon has it.
  explicit State(std::string directory);

  // None where nothing was saved; Error where what was saved cannot be read.
  std::optional<Saved> load() const;

  // Returns the digest of what was written. Throws Error, and then what was saved before is still
  // there.
  std::string save(const Config& config, const std::string& loaded_digest,
                   const std::string& seed_digest) const;

  const std::string& file() const { return file_; }

 private:
  std::string directory_;
  std::string file_;
  std::optional<InstanceLock> lock_;
};

}  // namespace belka
