// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

struct xsk_socket;
struct xsk_umem;

namespace belka::bench {

/// An AF_XDP socket on a veth pair of its own, put into an XSKMAP at queue 0: what a data plane
/// looks like to the XDP program. Nobody reads it. Wants a network namespace that goes with the
/// process.
class XdpSocket {
 public:
  explicit XdpSocket(int xsks_map);
  ~XdpSocket();
  XdpSocket(const XdpSocket&) = delete;
  XdpSocket& operator=(const XdpSocket&) = delete;

 private:
  xsk_umem* umem_ = nullptr;
  xsk_socket* socket_ = nullptr;
  void* memory_ = nullptr;
};

}  // namespace belka::bench
