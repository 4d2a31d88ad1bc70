// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <pcap/pcap.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "control/error.h"
#include "dataplane/port.h"

namespace belka {
namespace {

void check_capture(const CaptureFiles& files) {
  char message[PCAP_ERRBUF_SIZE] = "";
  pcap_t* capture = pcap_open_offline(files.receive.c_str(), message);
  if (capture == nullptr) throw Error(fmt::format("cannot read the capture {}", message));
  const int link_type = pcap_datalink(capture);
  pcap_close(capture);
  if (link_type != DLT_EN10MB) {
    throw Error(fmt::format("{} has frames of link type {}: only Ethernet (1) is read",
                            files.receive, link_type));
  }
  struct stat from {};
  struct stat to {};
  if (stat(files.receive.c_str(), &from) == 0 && stat(files.transmit.c_str(), &to) == 0 &&
      from.st_dev == to.st_dev && from.st_ino == to.st_ino) {
    throw Error(
        fmt::format("{} is both read and written: give another file to write", files.receive));
  }
  if (access(files.transmit.c_str(), F_OK) == 0 && access(files.transmit.c_str(), W_OK) != 0) {
    throw Error(fmt::format("cannot write {}: {}", files.transmit, std::strerror(errno)));
  }
}

}  // namespace

PortPlan plan_capture(const CaptureFiles& files) {
  check_capture(files);
  PortPlan port;
  port.name = files.receive;
  port.driver = "net_pcap0";
  port.arguments = fmt::format("rx_pcap={},tx_pcap={}", files.receive, files.transmit);
  port.ifindex = files.ifindex;
  return port;
}

}  // namespace belka
