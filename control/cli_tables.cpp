// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <ostream>
#include <sstream>

#include "control/cli_commands.h"
#include "control/cli_file.h"
#include "control/error.h"
#include "control/publish.h"
#include "control/quote.h"
#include "control/seed.h"
#include "dataplane/tables.h"

namespace belka {
namespace {

constexpr uint32_t kXdpRows = 1;
constexpr uint32_t kDataPlaneRows = 128;  // DPDK's lcores end there; the file is sparse

using Mac = std::array<uint8_t, 6>;

Mac parse_mac(const char* flag, const std::string& text) {
  Mac mac{};
  int read = 0;
  const int parts = std::sscanf(text.c_str(), "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0],
                                &mac[1], &mac[2], &mac[3], &mac[4], &mac[5], &read);
  if (parts == 6 && text.size() == 17 && read == 17 && (mac[0] & 1) == 0 && mac != Mac{})
    return mac;
  throw UsageError(
      fmt::format("{}: found {}, allowed is the MAC address of one host, such as 02:00:00:00:00:01",
                  flag, quote(text)));
}

struct OuterSources {
  Address v4, v6;
};

OuterSources parse_outer_sources(const std::string& text) {
  OuterSources sources;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    const auto address = Address::parse(part);
    if (!address) {
      throw UsageError(fmt::format(
          "--outer-source: found {}, allowed is an IPv4 address, an IPv6 address, or both with a "
          "comma",
          quote(text)));
    }
    (address->family == 4 ? sources.v4 : sources.v6) = *address;
  }
  return sources;
}

void check_mtu(uint32_t mtu) {
  if (mtu >= 576 && mtu <= UINT16_MAX) return;
  throw UsageError(fmt::format("--mtu: found {}, allowed is 576 to 65535", mtu));
}

}  // namespace

int run_tables(const CommandLine& line, Console& console) {
  if (line.out.empty()) throw UsageError("--out is missing: the file to write");
  Route route{.next_hop_mac = parse_mac("--next-hop", line.next_hop),
              .source_mac = parse_mac("--source-mac", line.source_mac),
              .ifindex = line.ifindex,
              .mtu = static_cast<uint16_t>(line.mtu),
              .outer_source = {}};
  const OuterSources sources = parse_outer_sources(line.outer_source);
  check_mtu(line.mtu);
  const auto config = parse_or_complain(read_config_file(line), console);
  if (!config) return kExitFailed;
  const Seed seed = read_or_create_seed(config->seed_file);
  Tables tables = Tables::create_file(line.out, kXdpRows, kDataPlaneRows);
  Publisher publisher(tables, seed);
  publisher.publish(*config);
  const std::vector<BackendRef> backends = publisher.backends();
  for (const BackendRef& backend : backends) {
    route.outer_source = backend.address.family == 4 ? sources.v4 : sources.v6;
    publisher.set_route(backend.number, route);
  }
  console.out << fmt::format("{}: {} services, {} backends, all behind {}\n", line.out,
                             config->services.size(), backends.size(), line.next_hop);
  return kExitOk;
}

}  // namespace belka
