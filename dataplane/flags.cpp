// SPDX-License-Identifier: Apache-2.0
#include "dataplane/flags.h"

#include <fmt/format.h>
#include <gflags/gflags.h>

#include <charconv>
#include <sstream>

#include "control/error.h"
#include "control/interface_list.h"
#include "control/quote.h"
#include "control/version.h"
#include "split/tables.h"

DEFINE_string(interface, "",
              "interfaces to take packets from, with commas between them; belkad runs on each");
DEFINE_string(queues, "", "receive queues to poll of each interface, such as 0,2-3; empty: all");
DEFINE_string(cores, "0", "CPUs to run on, such as 1,3-5: one thread each, and queues in turn");
DEFINE_string(pcap, "", "RX.pcap,TX.pcap[,IFINDEX]: a capture instead of interfaces, to its end");
DEFINE_string(pins, "/sys/fs/bpf/belka", "directory in a bpffs with the tables of a belkad");
DEFINE_string(tables, "", "a file of tables instead of --pins, for --pcap");
DEFINE_uint32(memory_mb, 0, "memory for packets in MB; 0: as much as the queues need");
DEFINE_string(file_prefix, "", "name of DPDK's runtime directory; empty: one of its own");
DEFINE_bool(hugepages, false, "take memory from hugepages; none is left behind");
DECLARE_bool(help);
DECLARE_bool(helpshort);

namespace belka {
namespace {

constexpr const char* kUsage =
    "the DPDK data plane of Belka: splits what the XDP program hands to it.\n"
    "\n"
    "  belka-dataplane --interface=IF[,IF...] [--queues=LIST] [--cores=LIST] [FLAG...]\n"
    "  belka-dataplane --pcap=RX.pcap,TX.pcap[,IFINDEX] [--tables=FILE] [FLAG...]\n"
    "\n"
    "Each core polls all the time and takes its queues in turn. On SIGTERM or SIGINT it hands its\n"
    "queues back to the XDP program, sends what is under way, and ends.";

constexpr uint32_t kMostCpu = 1023;
constexpr uint32_t kMostMemoryMb = 1 << 20;

std::optional<uint32_t> parse_number(std::string_view text, uint32_t greatest) {
  uint32_t number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc() || end != text.data() + text.size() || number > greatest) return {};
  return number;
}

std::vector<std::string> split_at_commas(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

void check_together(const Options& options) {
  if (options.capture && !options.interfaces.empty()) {
    throw Error("--pcap and --interface exclude each other: give one of them");
  }
  if (!options.capture && options.interfaces.empty()) {
    throw Error("nothing to receive from: give --interface=IF, or --pcap=RX.pcap,TX.pcap");
  }
  if (!options.capture && !options.tables.empty()) {
    throw Error("--tables is for --pcap: with --interface the tables are those of belkad, --pins");
  }
  if (options.capture && !options.queues.empty()) {
    throw Error("--queues is for --interface: a capture has one queue");
  }
  if (options.memory_mb > kMostMemoryMb) {
    throw Error(
        fmt::format("--memory_mb={}: at most {} is allowed", options.memory_mb, kMostMemoryMb));
  }
  if (options.file_prefix.find('/') != std::string::npos || options.file_prefix.size() > 64) {
    throw Error(fmt::format("--file_prefix={}: at most 64 characters without / are allowed",
                            quote(options.file_prefix)));
  }
}

}  // namespace

std::vector<uint32_t> parse_numbers(const std::string& flag, const std::string& text,
                                    uint32_t greatest) {
  std::vector<uint32_t> numbers;
  for (const std::string& part : split_at_commas(text)) {
    const size_t dash = part.find('-');
    const auto first = parse_number(part.substr(0, dash), greatest);
    const auto last =
        dash == std::string::npos ? first : parse_number(part.substr(dash + 1), greatest);
    if (!first || !last || *last < *first) {
      throw Error(
          fmt::format("--{}={}: found {}, allowed are numbers up to {} and ranges such as "
                      "2-5, with commas between them",
                      flag, quote(text), quote(part), greatest));
    }
    for (uint32_t number = *first; number <= *last; number++) numbers.push_back(number);
  }
  return numbers;
}

CaptureFiles parse_capture(const std::string& text) {
  const std::vector<std::string> parts = split_at_commas(text);
  CaptureFiles files;
  const auto ifindex = parts.size() == 3 ? parse_number(parts[2], INT32_MAX) : files.ifindex;
  if (parts.size() < 2 || parts.size() > 3 || parts[0].empty() || parts[1].empty() || !ifindex) {
    throw Error(fmt::format("--pcap={}: allowed is RX.pcap,TX.pcap or RX.pcap,TX.pcap,IFINDEX",
                            quote(text)));
  }
  files.receive = parts[0];
  files.transmit = parts[1];
  files.ifindex = *ifindex;
  return files;
}

Options read_flags(int argc, char** argv) {
  gflags::SetUsageMessage(kUsage);
  gflags::SetVersionString(kVersion);
  Options options;
  options.interfaces = interfaces_on_command_line(argc, argv);
  gflags::ParseCommandLineNonHelpFlags(&argc, &argv, true);
  if (FLAGS_help || FLAGS_helpshort) {
    gflags::ShowUsageWithFlagsRestrict("belka-dataplane", "dataplane/flags");
    std::exit(0);
  }
  gflags::HandleCommandLineHelpFlags();
  if (argc > 1) {
    throw Error(fmt::format("unknown argument {}: belka-dataplane takes flags alone, see --help",
                            quote(argv[1])));
  }
  options.queues = parse_numbers("queues", FLAGS_queues, QUEUES - 1);
  options.cores = parse_numbers("cores", FLAGS_cores, kMostCpu);
  if (options.cores.empty()) throw Error("--cores is empty: give at least one CPU");
  if (!FLAGS_pcap.empty()) options.capture = parse_capture(FLAGS_pcap);
  options.pins = FLAGS_pins;
  options.tables = FLAGS_tables;
  options.memory_mb = FLAGS_memory_mb;
  options.file_prefix = FLAGS_file_prefix;
  options.hugepages = FLAGS_hugepages;
  check_together(options);
  return options;
}

}  // namespace belka
