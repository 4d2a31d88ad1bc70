// SPDX-License-Identifier: Apache-2.0
#include "dataplane/claim.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "control/error.h"

namespace belka {
namespace {

constexpr const char* kLockDirectory = "/run/belka";

}  // namespace

Claim::Claim(const std::string& lock_path, int flags, const std::string& what)
    : lock_(open(lock_path.c_str(), flags | O_CLOEXEC, 0600)) {
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
