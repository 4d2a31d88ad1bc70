// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace belka {

// libbpf prints to stderr by itself. From here on it does not: what it warns about, the verifier's
// log among it (of which libbpf asks for 16 MiB at most), is kept for the calling thread until
// somebody wants it: its last 32 MiB.
void keep_bpf_messages();

// Logs what was kept, line by line, forgets it, and gives it: to be called where a call of libbpf
// failed.
std::string log_bpf_messages();

// Forgets it: to be called where a failure was expected and handled.
void drop_bpf_messages();

}  // namespace belka
