// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/attached_link.h"
#include "dataplane/flags.h"
#include "split/tables.h"

struct rte_mempool;

namespace belka {

constexpr uint16_t kReceiveDescriptors = 2048;  ///< the AF_XDP driver fills as many buffers at once

/// What a port is to be: one queue of an interface, or a capture.
struct PortPlan {
  std::string name;       ///< for people: "eth0:1", or the capture's file
  std::string driver;     ///< DPDK's name of it, such as net_af_xdp0
  std::string arguments;  ///< of the driver
  uint32_t ifindex = 0;   ///< packets come in by this interface
  uint32_t queue = 0;
  struct heartbeat* heartbeat = nullptr;  ///< null: a capture, which nobody else waits for
  const struct interface_entry* interface = nullptr;  ///< null with it
  std::optional<AttachedLink> link;                   ///< none with it
};

/// The ports that the options ask for, in the order of interfaces and queues. Throws Error: an
/// interface that is not here or that belkad does not run on, a queue that it does not have, no
/// rights, a capture that cannot be read or written.
std::vector<PortPlan> plan_ports(const Options& options, const struct tables* tables);

/// The port of a capture, which is there and of Ethernet frames. Throws Error.
PortPlan plan_capture(const CaptureFiles& files);

/// Memory in MB for the packets of so many ports.
uint32_t port_memory_mb(size_t ports);

/// An open port with one queue. One object a port; DPDK runs as long as it lives.
class Port {
 public:
  /// Opens it, empty; packets may come in at once. Throws Error.
  explicit Port(PortPlan plan);
  Port(Port&& other) noexcept;
  Port& operator=(Port&&) = delete;
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;
  ~Port();

  const PortPlan& plan() const { return plan_; }
  uint16_t id() const { return id_; }

 private:
  void set_up();

  PortPlan plan_;
  uint16_t id_ = 0;
  rte_mempool* pool_ = nullptr;
  bool open_ = false;
};

}  // namespace belka
