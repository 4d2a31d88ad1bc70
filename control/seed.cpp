// SPDX-License-Identifier: Apache-2.0
#include "control/seed.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "control/descriptor.h"
#include "control/error.h"

namespace belka {
namespace {

constexpr mode_t kMode = 0600;
constexpr mode_t kOthers = 077;

// As many bytes as there are, up to size; -1 with errno on an error.
ssize_t read_all(int file, uint8_t* bytes, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(file, bytes + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return static_cast<ssize_t>(done);
}

void check_kind(const std::string& path, const struct stat& status, size_t size) {
  if (!S_ISREG(status.st_mode))
    throw Error(fmt::format("{} is not a plain file, give a path for the seed file", path));
  if ((status.st_mode & kOthers) != 0)
    throw Error(
        fmt::format("{} has mode {:04o}, but the seed is a secret and allowed is 0600 at most, run "
                    "chmod 600 {}",
                    path, status.st_mode & 07777, path));
  if (static_cast<uint64_t>(status.st_size) != size)
    throw Error(
        fmt::format("{} has {} bytes, but a seed has exactly {}, copy it from another balancer of "
                    "the fleet or remove it to have a new one (all users are dealt anew)",
                    path, status.st_size, size));
}

[[noreturn]] void fail_to_create(const std::string& path, const std::string& why) {
  throw Error(fmt::format(
      "cannot create the seed file {}: {}, make its directory writable or set seed_file:", path,
      why));
}

Seed random_seed(const std::string& path) {
  Seed seed;
  ssize_t got;
  do {
    got = ::getrandom(seed.bytes.data(), seed.bytes.size(), 0);
  } while (got < 0 && errno == EINTR);
  // Up to 256 bytes are never given in part (getrandom(2)).
  if (got != static_cast<ssize_t>(seed.bytes.size())) fail_to_create(path, std::strerror(errno));
  return seed;
}

bool write_and_sync(int file, const Seed& seed) {
  const ssize_t written = ::write(file, seed.bytes.data(), seed.bytes.size());
  if (written >= 0 && written != static_cast<ssize_t>(seed.bytes.size())) errno = ENOSPC;
  return written == static_cast<ssize_t>(seed.bytes.size()) && ::fsync(file) == 0;
}

void sync_directory(const std::filesystem::path& directory) {
  const Descriptor file(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file) ::fsync(file.get());
}

// Writes a file beside path and links it there, which fails if another was first: either will do.
void create(const std::string& path) {
  const std::filesystem::path directory = std::filesystem::absolute(path).parent_path();
  std::error_code failure;
  std::filesystem::create_directories(directory, failure);
  if (failure) fail_to_create(path, failure.message());
  const Seed seed = random_seed(path);
  std::string beside = path + ".XXXXXX";
  const Descriptor file(::mkostemp(beside.data(), O_CLOEXEC));
  if (file.get() < 0) fail_to_create(path, std::strerror(errno));
  const bool made = ::fchmod(file.get(), kMode) == 0 && write_and_sync(file.get(), seed) &&
                    (::link(beside.c_str(), path.c_str()) == 0 || errno == EEXIST);
  const int error = errno;
  ::unlink(beside.c_str());
  if (!made) fail_to_create(path, std::strerror(error));
  sync_directory(directory);
}

SipKey sip_key_of(const uint8_t* bytes) {
  SipKey key;
  for (int i = 0; i < 8; ++i) {
    key.k0 |= uint64_t{bytes[i]} << (8 * i);
    key.k1 |= uint64_t{bytes[8 + i]} << (8 * i);
  }
  return key;
}

}  // namespace

std::optional<Seed> find_seed(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0 && errno == ENOENT) return std::nullopt;
  struct stat status {};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0)
    throw Error(
        fmt::format("cannot open the seed file {}: {}; let belkad's user read it, or name another "
                    "as seed_file",
                    path, std::strerror(errno)));
  Seed seed;
  check_kind(path, status, seed.bytes.size());
  const ssize_t got = read_all(file.get(), seed.bytes.data(), seed.bytes.size());
  if (got != static_cast<ssize_t>(seed.bytes.size()))
    throw Error(fmt::format("cannot read the seed file {}: {}; copy it anew from another machine",
                            path, got < 0 ? std::strerror(errno) : "it ends too early"));
  return seed;
}

Seed read_seed(const std::string& path) {
  if (const auto seed = find_seed(path)) return *seed;
  throw Error(
      fmt::format("there is no seed file {}, and without it no ring can be computed, start belkad "
                  "(which makes one), copy the fleet's, or set seed_file:",
                  path));
}

Seed read_or_create_seed(const std::string& path) {
  if (const auto seed = find_seed(path)) return *seed;
  create(path);
  return read_seed(path);
}

SipKey service_key(const Seed& seed, std::string_view service_name) {
  return {siphash24(sip_key_of(seed.bytes.data()), service_name),
          siphash24(sip_key_of(seed.bytes.data() + 16), service_name)};
}

}  // namespace belka
