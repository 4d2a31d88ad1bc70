// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "split/tables.h"
#include "tests/support/bytes.h"

namespace belka {

/// Frames come in by this interface.
inline constexpr uint32_t kIngressIfindex = 1;

/// The data plane as the XDP program finds it; other executors do not look.
enum class DataPlane {
  absent,     ///< no socket in its map, no heartbeat
  fresh,      ///< both
  stale,      ///< a socket, and a heartbeat that is too old
  ahead,      ///< a socket, and a heartbeat from a future that is too far
  no_socket,  ///< a fresh heartbeat alone
  no_beat,    ///< a socket alone
};

/// The limit of replies to echo requests as each frame finds it.
enum class EchoBucket {
  full,
  empty,
  as_left,  ///< by the frames before; time goes on only in the XDP program
};

/// After which a heartbeat is stale in the executor of XDP: so long that no test that is held up
/// sees a fresh one become so.
inline constexpr uint64_t kTestHeartbeatNs = 1'000'000'000'000;

/// What surrounds a frame.
struct Conditions {
  uint32_t headroom_bytes = 128;  ///< free before the frame
  DataPlane data_plane = DataPlane::absent;
  bool transmit_full =
      false;  ///< what is to be sent finds no room (executors with a transmit ring)
  EchoBucket echo = EchoBucket::full;
};

/// What became of a frame.
struct Outcome {
  enum verdict verdict = VERDICT_none;
  Bytes frame;  ///< as it leaves or goes to the kernel; empty where it is dropped or redirected
  bool operator==(const Outcome&) const = default;
};

/// Something that runs the decision on frames, with tables and counters of its own.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual const struct tables* tables() const = 0;
  virtual std::vector<Outcome> run(std::span<const Bytes> frames, const Conditions& conditions) = 0;

  Outcome run_one(const Bytes& frame, const Conditions& conditions = {}) {
    return run({&frame, 1}, conditions).front();
  }
};

/// Fills or empties the bucket of each row; for executors.
void set_echo_buckets(const struct tables* tables, EchoBucket bucket);

/// The time at which executors with no clock of their own run.
inline constexpr uint64_t kExecutorNowNs = 1'000'000'000;

/// The action of a verdict.
enum action action_of(enum verdict verdict);

/// The stages called one after another, on heap buffers of the exact size.
std::unique_ptr<Executor> make_native_executor();

/// The XDP program through BPF_PROG_TEST_RUN, with maps of its own that are not pinned, and in them
/// rows of counters for so many others who decide by its tables. Throws Error where the kernel does
/// not allow it.
std::unique_ptr<Executor> make_xdp_executor(uint32_t data_plane_rows = 0);

/// Frames that make_xdp_executor takes whole: what the kernel runs (an Ethernet header at least),
/// and what fits into one buffer.
inline constexpr size_t kXdpLeastBytes = 14;
inline constexpr size_t kXdpMostBytes = 3520;

}  // namespace belka
