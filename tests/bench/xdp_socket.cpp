// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/xdp_socket.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <xdp/xsk.h>

#include <cstdlib>
#include <cstring>

#include "control/error.h"

namespace belka::bench {
namespace {

constexpr size_t kMemoryBytes = 64 * XSK_UMEM__DEFAULT_FRAME_SIZE;

void make_pair_of_interfaces() {
  const char* command =
      "ip link show bench0 >/dev/null 2>&1 || { ip link add bench0 type veth peer name bench1 && "
      "ip link set bench0 up && ip link set bench1 up; }";
  if (std::system(command) != 0) throw belka::Error("cannot make a veth pair; install iproute2");
}

void check(int result, const char* what) {
  if (result != 0) throw belka::Error(fmt::format("{}: {}", what, std::strerror(-result)));
}

}  // namespace

XdpSocket::XdpSocket(int xsks_map) {
  make_pair_of_interfaces();
  memory_ = mmap(nullptr, kMemoryBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory_ == MAP_FAILED) throw belka::Error("no memory for an AF_XDP socket");
  static xsk_ring_prod fill, transmit;
  static xsk_ring_cons completion, receive;
  check(xsk_umem__create(&umem_, memory_, kMemoryBytes, &fill, &completion, nullptr), "umem");
  xsk_socket_config config{};
  config.rx_size = XSK_RING_CONS__DEFAULT_NUM_DESCS;
  config.tx_size = XSK_RING_PROD__DEFAULT_NUM_DESCS;
  config.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD;
  check(xsk_socket__create(&socket_, "bench0", 0, umem_, &receive, &transmit, &config), "socket");
  check(xsk_socket__update_xskmap(socket_, xsks_map), "xsks_map");
}

XdpSocket::~XdpSocket() {
  xsk_socket__delete(socket_);
  xsk_umem__delete(umem_);
  munmap(memory_, kMemoryBytes);
}

}  // namespace belka::bench
