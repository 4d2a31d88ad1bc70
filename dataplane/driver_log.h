// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

namespace belka {

/// From here on libxdp and libbpf, which the AF_XDP driver uses, print nothing by themselves. They
/// warn of things that are as they should be: that a program is adopted and not theirs to detach.
void keep_driver_messages();

/// The last line that they had to say, for an error's text: " (…)", or nothing. Set-up only, one
/// thread.
std::string last_driver_message();

}  // namespace belka
