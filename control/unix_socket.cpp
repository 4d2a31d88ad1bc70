// SPDX-License-Identifier: Apache-2.0
#include "control/unix_socket.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "control/error.h"
#include "control/quote.h"

namespace belka {

int connect_once(const std::string& path) {
  if (path.empty() || path.size() > kMaxSocketPath) {
    throw Error(fmt::format(
        "the socket path {} has {} characters, allowed are 1 to {}; pass another --socket",
        quote(path), path.size(), kMaxSocketPath));
  }
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const bool connected =
      connect(fd, reinterpret_cast<const struct sockaddr*>(&address), sizeof address) == 0;
  const int error = connected ? 0 : errno;
  close(fd);
  return error;
}

}  // namespace belka
