// SPDX-License-Identifier: Apache-2.0
// Any frame ends the same natively and in the kernel's XDP program, when it comes first and when it
// comes again: verdict, bytes and pins. The services are the servers of tests/captures, their slots
// in every state. Exit code 77: the kernel does not let this process run it.
#include <cstdio>
#include <cstdlib>

#include "control/error.h"
#include "split/classify.h"
#include "split/decide.h"
#include "split/parse.h"
#include "tests/support/capture.h"
#include "tests/support/executor.h"
#include "tests/support/moving_slots.h"
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
  const belka::TableSpec spec = belka::with_moving_slots(belka::own_servers(frames));
  for (const auto& plane : {planes.native.get(), planes.xdp.get()}) {
    belka::TableWriter(plane->tables()).write(spec);
  }
  return planes;
} catch (const belka::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  std::_Exit(77);
}

/// The bucket of the frame's connection; the first where it has none.
uint32_t bucket_of(const struct tables* tables, const belka::Bytes& frame) {
  struct packet packet;
  struct choice choice;
  const uint8_t* data = frame.data();
  const auto bytes = static_cast<uint32_t>(frame.size());
  const enum verdict parsed = parse(data, data + bytes, bytes, &packet);
  if (classify(tables, &packet, parsed, &choice) != VERDICT_none) return 0;
  return pin_bucket_of(connection_hash(&choice, &packet, hash_flow(&choice, &packet)));
}

/// The bucket's pins, which are taken out, so that the next input finds none.
std::vector<belka::PlacedPin> take_pins(const struct tables* tables, uint32_t bucket) {
  const std::vector<belka::PlacedPin> pins = belka::read_pins(tables, bucket);
  belka::free_pins(tables, pins);
  return pins;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Planes planes = make_planes();
  if (size < belka::kXdpLeastBytes || size > belka::kXdpMostBytes) return -1;
  const belka::Bytes frame(data, data + size);
  const struct tables *native = planes.native->tables(), *xdp = planes.xdp->tables();
  for (const uint32_t tick : {100, 101, 104}) {
    native->node->tick = xdp->node->tick = tick;
    if (planes.native->run_one(frame) != planes.xdp->run_one(frame)) std::abort();
  }
  const uint32_t bucket = bucket_of(native, frame);
  if (take_pins(native, bucket) != take_pins(xdp, bucket)) std::abort();
  return 0;
}
