// SPDX-License-Identifier: Apache-2.0
// Any frame ends the same natively and in the kernel's XDP program: verdict and bytes. The services
// are the servers of tests/captures. Exit code 77: the kernel does not let this process run it.
#include <cstdio>
#include <cstdlib>

#include "control/error.h"
#include "tests/support/capture.h"
#include "tests/support/executor.h"
#include "tests/support/own_servers.h"

namespace {

struct Planes {
  std::unique_ptr<belka::Executor> native, xdp;
};

Planes make_planes() try {
  Planes planes = {belka::make_native_executor(), belka::make_xdp_executor()};
  std::vector<belka::Bytes> frames;
  for (const auto& path : belka::captures_in("tests/captures")) {
    for (const auto& frame : belka::read_capture(path).frames) frames.push_back(frame.bytes);
  }
  if (frames.empty()) throw belka::Error("no tests/captures here: run from the top of the clone");
  for (const auto& plane : {planes.native.get(), planes.xdp.get()}) {
    belka::TableWriter(plane->tables()).write(belka::own_servers(frames));
  }
  return planes;
} catch (const belka::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  std::_Exit(77);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Planes planes = make_planes();
  if (size < belka::kXdpLeastBytes || size > belka::kXdpMostBytes) return -1;
  const belka::Bytes frame(data, data + size);
  if (planes.native->run_one(frame) != planes.xdp->run_one(frame)) std::abort();
  return 0;
}
