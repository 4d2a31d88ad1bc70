// SPDX-License-Identifier: Apache-2.0
// What kernels said of programs that they refused, as libbpf hands it on.
#include "control/kernel_refusal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace belka {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kBackEdge =
    "libbpf: prog 'xsk_def_prog': BPF program load failed: Invalid argument\n"
    "libbpf: prog 'xsk_def_prog': -- BEGIN PROG LOAD LOG --\n"
    "func#0 @0\nfunc#1 @1813\n"
    "; int xsk_def_prog(struct xdp_md* context) {\n"
    "back-edge from insn 3287 to 3288\n"
    "processed 0 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 "
    "mark_read 0\n"
    "-- END PROG LOAD LOG --\n"
    "libbpf: failed to load program 'xsk_def_prog'\n";

TEST(KernelRefusalTest, TheReasonIsTheLineAfterTheInstructions) {
  EXPECT_EQ(verifier_reason(kBackEdge), "back-edge from insn 3287 to 3288");
}

TEST(KernelRefusalTest, OfSeveralLinesTheReasonIsTheFirst) {
  EXPECT_EQ(
      verifier_reason("-- BEGIN PROG LOAD LOG --\n"
                      "0: R1=ctx(off=0,imm=0) R10=fp0\n"
                      "; load\n"
                      "0: (85) call bpf_map_lookup_elem#1       ; R0=map_value_or_null(id=1)\n"
                      "from 3 to 5: R0=map_value(off=0,ks=4,vs=64,imm=0) R10=fp0\n"
                      "5: (79) r1 = *(u64 *)(r0 +64)\n"
                      "invalid access to map value, value_size=64 off=64 size=8\n"
                      "R0 min value is outside of the allowed memory range\n"
                      "processed 6 insns (limit 1000000) max_states_per_insn 0\n"
                      "-- END PROG LOAD LOG --\n"),
      "invalid access to map value, value_size=64 off=64 size=8");
}

TEST(KernelRefusalTest, WithoutALogThereIsNoReason) {
  EXPECT_EQ(verifier_reason(""), "");
  EXPECT_EQ(verifier_reason("libbpf: failed to create map: Operation not permitted\n"), "");
  EXPECT_EQ(verifier_reason("-- BEGIN PROG LOAD LOG --\n-- END PROG LOAD LOG --\n"), "");
}

TEST(KernelRefusalTest, TheSentenceNamesInterfaceReasonErrorAndKernel) {
  const std::string sentence = refusal_sentence("eth0", EINVAL, kBackEdge);
  EXPECT_THAT(sentence,
              StartsWith("cannot load the XDP program for eth0: got \"back-edge from insn "
                         "3287 to 3288\" (Invalid argument) from the verifier of Linux "));
  EXPECT_THAT(sentence, HasSubstr(kernel_name() + "; expected "));
  EXPECT_THAT(sentence, EndsWith("the whole log of the attempt is above"));
  EXPECT_THAT(refusal_sentence("eth0", EPERM, ""),
              HasSubstr("got Operation not permitted from Linux "));
}

}  // namespace
}  // namespace belka
