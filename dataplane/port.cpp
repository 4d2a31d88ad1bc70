// SPDX-License-Identifier: Apache-2.0
#include "dataplane/port.h"

#include <fmt/format.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_log.h>
#include <rte_mbuf.h>

#include <cstring>
#include <utility>

#include "control/error.h"
#include "dataplane/driver_log.h"

namespace belka {
namespace {

constexpr uint16_t kTransmitDescriptors = 2048;
constexpr uint32_t kMbufs = 8191;  // both rings, the caches, and what is under way
constexpr uint32_t kMbufCache = 256;
// An AF_XDP buffer with all that DPDK puts before it must fit into a page; it then holds the
// longest frame that an interface with native XDP can have (MTU 3506 on veth).
constexpr uint16_t kDataRoomBytes = RTE_PKTMBUF_HEADROOM + 3584;
constexpr uint32_t kBaseMb = 32;
constexpr uint32_t kPortMb = 40;

[[noreturn]] void fail(const PortPlan& plan, const char* what, int error) {
  if (error == -EBUSY) {
    throw Error(
        fmt::format("cannot {} {}: another program has a socket on this queue; stop it, or "
                    "leave the queue out with --queues",
                    what, plan.name));
  }
  throw Error(fmt::format("cannot {} {}: {}{}", what, plan.name, std::strerror(-error),
                          last_driver_message()));
}

}  // namespace

uint32_t port_memory_mb(size_t ports) { return kBaseMb + static_cast<uint32_t>(ports) * kPortMb; }

Port::Port(PortPlan plan) : plan_(std::move(plan)) {
  pool_ = rte_pktmbuf_pool_create(plan_.driver.c_str(), kMbufs, kMbufCache, 0, kDataRoomBytes,
                                  SOCKET_ID_ANY);
  if (pool_ == nullptr) {
    throw Error(fmt::format("no memory for the packets of {}: {}; raise --memory_mb", plan_.name,
                            rte_strerror(rte_errno)));
  }
  const int made = rte_eal_hotplug_add("vdev", plan_.driver.c_str(), plan_.arguments.c_str());
  if (made != 0) {
    rte_mempool_free(pool_);
    fail(plan_, "open", made);
  }
  rte_eth_dev_get_port_by_name(plan_.driver.c_str(), &id_);
  open_ = true;
  try {
    set_up();
  } catch (...) {
    rte_eal_hotplug_remove("vdev", plan_.driver.c_str());
    rte_mempool_free(pool_);
    throw;
  }
}

void Port::set_up() {
  const rte_eth_conf conf{};
  int error = rte_eth_dev_configure(id_, 1, 1, &conf);
  if (error != 0) fail(plan_, "configure", error);
  error = rte_eth_rx_queue_setup(id_, 0, kReceiveDescriptors, SOCKET_ID_ANY, nullptr, pool_);
  if (error != 0) fail(plan_, "receive from", error);
  error = rte_eth_tx_queue_setup(id_, 0, kTransmitDescriptors, SOCKET_ID_ANY, nullptr);
  if (error != 0) fail(plan_, "transmit to", error);
  error = rte_eth_dev_start(id_);
  if (error != 0) fail(plan_, "start", error);
}

Port::Port(Port&& other) noexcept
    : plan_(std::move(other.plan_)),
      id_(other.id_),
      pool_(other.pool_),
      open_(std::exchange(other.open_, false)) {}

Port::~Port() {
  if (!open_) return;
  // The AF_XDP driver complains that it could not detach the program: it is not its to detach.
  rte_log_set_level_pattern("pmd.net.af_xdp", RTE_LOG_CRIT);
  rte_eth_dev_stop(id_);
  rte_eth_dev_close(id_);
  rte_eal_hotplug_remove("vdev", plan_.driver.c_str());
  rte_mempool_free(pool_);
}

}  // namespace belka
