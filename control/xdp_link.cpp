// SPDX-License-Identifier: Apache-2.0
#include "control/xdp_link.h"

#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "control/bpf_log.h"
#include "control/error.h"

namespace belka {
namespace {

// What a driver answers that has no native XDP, none for this MTU or number of queues, or no memory
// for a ring of it for each of many CPUs.
bool says_cannot(int error) {
  return error == EOPNOTSUPP || error == EINVAL || error == ERANGE || error == E2BIG ||
         error == ENOSPC || error == ENOSYS || error == ENOMEM;
}

Descriptor create_link(uint32_t ifindex, int program, uint32_t mode) {
  LIBBPF_OPTS(bpf_link_create_opts, options, .flags = mode);
  return Descriptor(bpf_link_create(program, static_cast<int>(ifindex), BPF_XDP, &options));
}

[[noreturn]] void refuse(const std::string& name, uint32_t ifindex, int error) {
  const AttachedProgram other = attached_program(ifindex);
  if ((error == EBUSY || error == EEXIST) && other.program_id != 0) {
    throw Error(foreign_program_sentence(name, other.program_id));
  }
  throw Error(fmt::format("cannot attach the XDP program to {}: {}", name, std::strerror(error)));
}

}  // namespace

std::string link_pin(const std::string& pins, uint32_t place) {
  return fmt::format("{}/link_{}", pins, place);
}

std::string xsks_pin(const std::string& pins, uint32_t place) {
  return fmt::format("{}/xsks_{}", pins, place);
}

std::optional<XdpLinkInfo> xdp_link_info(int fd) {
  bpf_link_info info{};
  uint32_t bytes = sizeof info;
  if (bpf_obj_get_info_by_fd(fd, &info, &bytes) != 0 || info.type != BPF_LINK_TYPE_XDP) return {};
  return XdpLinkInfo{info.id, info.prog_id, info.xdp.ifindex};
}

AttachedProgram attached_program(uint32_t ifindex) {
  LIBBPF_OPTS(bpf_xdp_query_opts, options);
  if (bpf_xdp_query(static_cast<int>(ifindex), 0, &options) != 0) {
    drop_bpf_messages();
    return {};
  }
  if (options.drv_prog_id != 0) return {options.drv_prog_id, true};
  if (options.hw_prog_id != 0) return {options.hw_prog_id, true};
  if (options.skb_prog_id != 0) return {options.skb_prog_id, false};
  return {options.prog_id, options.attach_mode != XDP_ATTACHED_SKB};
}

std::string program_text(uint32_t program_id) {
  const Descriptor program(bpf_prog_get_fd_by_id(program_id));
  bpf_prog_info info{};
  uint32_t bytes = sizeof info;
  const bool known = program && bpf_obj_get_info_by_fd(program.get(), &info, &bytes) == 0;
  return fmt::format("{} (id {})", known && info.name[0] != '\0' ? info.name : "a nameless program",
                     program_id);
}

NewLink attach_link(const std::string& name, uint32_t ifindex, int program, bool require_native) {
  NewLink made;
  made.fd = create_link(ifindex, program, XDP_FLAGS_DRV_MODE);
  if (made.fd) {
    made.native = true;
    return made;
  }
  const int error = errno;
  if (!says_cannot(error)) refuse(name, ifindex, error);
  if (require_native) {
    throw Error(
        fmt::format("{}'s driver refuses native XDP ({}), perhaps for its MTU: make that "
                    "smaller, or start without --require_native for generic XDP, which is "
                    "slower",
                    name, std::strerror(error)));
  }
  drop_bpf_messages();
  made.why_generic = fmt::format("the driver refuses native XDP ({})", std::strerror(error));
  made.fd = create_link(ifindex, program, XDP_FLAGS_SKB_MODE);
  if (!made.fd) refuse(name, ifindex, errno);
  return made;
}

std::string foreign_program_sentence(const std::string& name, uint32_t program_id) {
  return fmt::format(
      "{0} has an XDP program that is not of this instance, {1}: take it off with "
      "`ip link set dev {0} xdp off`, end the program that holds it, or, if it is of "
      "a belkad with other --pins, give these",
      name, program_text(program_id));
}

uint32_t receive_queues(const std::string& name, uint32_t otherwise) {
  const Descriptor socket_fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ethtool_channels channels{};
  channels.cmd = ETHTOOL_GCHANNELS;
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&channels);
  if (ioctl(socket_fd.get(), SIOCETHTOOL, &request) != 0) return std::max(otherwise, 1u);
  return std::max(channels.rx_count + channels.combined_count, 1u);
}

void pin_or_throw(int fd, const std::string& path) {
  if (bpf_obj_pin(fd, path.c_str()) == 0) return;
  throw Error(fmt::format("cannot pin {}: {}", path, std::strerror(errno)));
}

}  // namespace belka
