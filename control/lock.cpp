// SPDX-License-Identifier: Apache-2.0
#include "control/lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "control/error.h"

namespace belka {
namespace {

// The line of /proc/locks (proc(5)) that is about this inode: "1: FLOCK ADVISORY WRITE 4711
// 00:2a:17 0 EOF". Empty where there is none, or where its process is in another namespace.
std::string holder(int fd) {
  struct stat status {};
  if (fstat(fd, &status) != 0) return "";
  const std::string wanted =
      fmt::format("{:02x}:{:02x}:{}", major(status.st_dev), minor(status.st_dev), status.st_ino);
  std::ifstream locks("/proc/locks");
  std::string line;
  while (std::getline(locks, line)) {
    std::istringstream words(line);
    std::string number, kind, mode, access, pid, inode;
    words >> number >> kind >> mode >> access >> pid >> inode;
    if (kind == "FLOCK" && inode == wanted && pid != "0") return pid;
  }
  return "";
}

}  // namespace

InstanceLock::InstanceLock(const std::string& directory, const char* does, const char* flag)
    : directory_(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (!directory_) {
    throw Error(fmt::format("cannot open {}: {}; give a directory that this user can read with {}",
                            directory, std::strerror(errno), flag));
  }
  if (flock(directory_.get(), LOCK_EX | LOCK_NB) == 0) return;
  if (errno != EWOULDBLOCK) {
    throw Error(
        fmt::format("cannot lock {}: {}; give a directory of a file system that has locks with {}",
                    directory, std::strerror(errno), flag));
  }
  const std::string pid = holder(directory_.get());
  throw Error(fmt::format("another belkad{} {} {}: stop it first, or give this one another {}",
                          pid.empty() ? "" : fmt::format(" (process {})", pid), does, directory,
                          flag));
}

}  // namespace belka
