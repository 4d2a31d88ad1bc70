// SPDX-License-Identifier: Apache-2.0
// What the running kernel's verifier makes of the XDP program.
#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "belka.skel.h"
#include "control/bpf_log.h"
#include "control/kernel_refusal.h"

namespace belka {
namespace {

// Of a million at which it gives up (BPF_COMPLEXITY_LIMIT_INSNS): a later kernel may count more.
constexpr uint32_t kMostProcessed = 250'000;

struct CloseObject {
  void operator()(belka_bpf* object) const { belka_bpf__destroy(object); }
};

TEST(VerifierTest, TheXdpProgramTakesAQuarterOfTheVerifiersLimitAtMost) {
  if (geteuid() != 0) GTEST_SKIP() << "only root may load an XDP program";
  keep_bpf_messages();
  const std::unique_ptr<belka_bpf, CloseObject> object(belka_bpf__open());
  ASSERT_TRUE(object);
  const int error = belka_bpf__load(object.get());
  ASSERT_EQ(error, 0) << refusal_sentence("the test", -error, log_bpf_messages());
  bpf_prog_info info{};
  uint32_t bytes = sizeof info;
  ASSERT_EQ(bpf_obj_get_info_by_fd(bpf_program__fd(object->progs.xsk_def_prog), &info, &bytes), 0)
      << std::strerror(errno);
  fmt::print("figure: {}: the verifier processed {} instructions of {} that the program has\n",
             kernel_name(), info.verified_insns, info.xlated_prog_len / sizeof(bpf_insn));
  EXPECT_GT(info.verified_insns, 0u) << "a kernel that does not tell: older than 5.16";
  EXPECT_LE(info.verified_insns, kMostProcessed);
}

}  // namespace
}  // namespace belka
