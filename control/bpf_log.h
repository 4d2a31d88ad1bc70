// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace belka {

// libbpf prints to stderr by itself. From here on it does not: what it warns about, the verifier's
// log among it, is kept (the last 64 KiB of the calling thread) until somebody wants it.
void keep_bpf_messages();

// Logs what was kept, line by line, and forgets it: to be called where a call of libbpf failed.
void log_bpf_messages();

// Forgets it: to be called where a failure was expected and handled.
void drop_bpf_messages();

}  // namespace belka
