// SPDX-License-Identifier: Apache-2.0
#include "dataplane/claim.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "control/error.h"

namespace belka {
namespace {

constexpr const char* kLockDirectory = "/run/belka";
constexpr int kTries = 5;

}  // namespace

Claim::Claim(const std::string& lock_path, int flags, const std::string& what) {
  // One that ends takes its file away: who opened it just before has locked nothing, and asks
  // again.
  for (int i = 0; i < kTries; i++) {
    lock_or_throw(lock_path, flags, what);
    if (!is_still_at(lock_path)) continue;
    if ((flags & O_CREAT) != 0) made_ = lock_path;
    return;
  }
  throw Error(fmt::format("{} goes away each time it is locked; try again", lock_path));
}

Claim::~Claim() {
  if (lock_ && !made_.empty()) (void)unlink(made_.c_str());
}

void Claim::lock_or_throw(const std::string& lock_path, int flags, const std::string& what) {
  lock_ = Descriptor(open(lock_path.c_str(), flags | O_CLOEXEC, 0600));
  if (!lock_) throw Error(fmt::format("cannot open {}: {}", lock_path, std::strerror(errno)));
  if (flock(lock_.get(), LOCK_EX | LOCK_NB) == 0) return;
  if (errno != EWOULDBLOCK) {
    throw Error(fmt::format("cannot lock {}: {}", lock_path, std::strerror(errno)));
  }
  throw Error(
      fmt::format("another belka-dataplane works with {}: stop it first; one takes several "
                  "interfaces and cores",
                  what));
}

bool Claim::is_still_at(const std::string& lock_path) const {
  struct stat locked {};
  struct stat there {};
  return fstat(lock_.get(), &locked) == 0 && stat(lock_path.c_str(), &there) == 0 &&
         locked.st_ino == there.st_ino && locked.st_dev == there.st_dev;
}

Claim Claim::file(const std::string& tables) { return {tables, O_RDWR, tables}; }

Claim Claim::pins(const std::string& directory) {
  struct stat status {};
  if (stat(directory.c_str(), &status) != 0) {
    throw Error(fmt::format("cannot look at {}: {}", directory, std::strerror(errno)));
  }
  if (mkdir(kLockDirectory, 0755) != 0 && errno != EEXIST) {
    throw Error(fmt::format("cannot make {}: {}", kLockDirectory, std::strerror(errno)));
  }
  return {fmt::format("{}/dataplane-{:x}-{:x}.lock", kLockDirectory, status.st_dev, status.st_ino),
          O_RDWR | O_CREAT, "the tables at " + directory};
}

}  // namespace belka
