// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

namespace belka {

inline constexpr const char* kDefaultSocket = "/run/belka/belkad.sock";
inline constexpr size_t kMaxSocketPath = 107;  // sun_path of unix(7), less its NUL

// 0 where somebody listens on the socket, else the errno of connect(2). Throws Error where the path
// is empty or too long for a socket.
int connect_once(const std::string& path);

}  // namespace belka
