// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace belka {

// The running kernel, such as "Linux 6.1.0-57-amd64".
std::string kernel_name();

// The first line of why the verifier refused a program, out of what libbpf says when a load fails:
// the verifier's log between its markers ends in the reason, of one line or more, behind the
// instructions that led there and before the line of what it processed. Empty where there is no
// such log. No kernel promises the form of its log: what is not known to be part of the walk counts
// as reason, so that in doubt the line is one that comes too early.
std::string verifier_reason(std::string_view messages);

// One sentence for a load of the XDP program that failed: the interface that it was for, the
// verifier's reason where `messages` has one, the error, the kernel, and what is to be done.
std::string refusal_sentence(const std::string& interface, int error, std::string_view messages);

}  // namespace belka
