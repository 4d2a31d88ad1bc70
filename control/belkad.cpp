// SPDX-License-Identifier: Apache-2.0
// The control daemon: flags, signals, and a Daemon between them.
#include <fmt/format.h>
#include <gflags/gflags.h>
#include <sys/signalfd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "control/config_duration.h"
#include "control/daemon.h"
#include "control/error.h"
#include "control/interface_list.h"
#include "control/log.h"
#include "control/quote.h"
#include "control/version.h"

DEFINE_string(config, "", "the configuration to apply, unless it is as it was when last loaded");
DEFINE_string(interface, "",
              "interfaces to attach to, with commas between them; may be given several times");
DEFINE_string(pins, "/sys/fs/bpf/belka", "directory in a bpffs for the tables and links");
DEFINE_string(socket, "/run/belka/belkad.sock", "Unix socket of the API, for belkactl");
DEFINE_string(state, "/var/lib/belka", "directory where it keeps what is applied");
DEFINE_string(log_level, "info", "trace, debug, info, warning, error, critical or off");
DEFINE_bool(require_native, false, "refuse an interface whose driver has no native XDP");
DEFINE_string(heartbeat, "1ms",
              "split a queue in XDP when its data plane was silent for this long, 1ms to 1s");
DEFINE_bool(break_connections, false,
            "accept a changed --config that cuts connections whatever is done");
DEFINE_bool(uninstall, false, "detach all programs of --pins, remove the pins, and end");
DECLARE_bool(help);
DECLARE_bool(helpshort);

namespace {

constexpr const char* kUsage =
    "the control daemon of Belka: publishes the tables, attaches the XDP program, serves "
    "belkactl.\n"
    "\n"
    "  belkad --config=FILE --interface=IF[,IF...] [FLAG...]\n"
    "  belkad --uninstall [--pins=DIRECTORY]\n"
    "\n"
    "On SIGTERM, SIGINT or SIGHUP it ends and leaves everything attached: packets are split as "
    "before, "
    "and\n"
    "the next start goes on from there. Only --uninstall takes the programs and tables away.";

constexpr uint32_t kMostHeartbeatMs = 1000;

using belka::Error;

// gflags keeps the last of several --interface; here all count.
std::vector<std::string> read_flags(int argc, char** argv) {
  gflags::SetUsageMessage(kUsage);
  gflags::SetVersionString(belka::kVersion);
  std::vector<std::string> interfaces = belka::interfaces_on_command_line(argc, argv);
  gflags::ParseCommandLineNonHelpFlags(&argc, &argv, true);
  if (FLAGS_help || FLAGS_helpshort) {
    gflags::ShowUsageWithFlagsRestrict("belkad", "control/belkad");
    std::exit(0);
  }
  gflags::HandleCommandLineHelpFlags();
  if (argc > 1) {
    throw Error("unknown argument " + belka::quote(argv[1]) +
                ": belkad takes flags alone, see belkad --help");
  }
  return interfaces;
}

uint32_t heartbeat_ms() {
  const auto ms = belka::parse_duration(FLAGS_heartbeat);
  if (ms && *ms >= 1 && *ms <= kMostHeartbeatMs) return *ms;
  throw Error(
      fmt::format("--heartbeat: got {}; expected {}; give one that your data plane's cores keep",
                  belka::quote(FLAGS_heartbeat), belka::duration_allowed("from 1ms to 1s")));
}

// Signals are read from a descriptor, by the one loop; threads made later inherit the block.
int block_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t ends;
  sigemptyset(&ends);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&ends, number);
  sigprocmask(SIG_BLOCK, &ends, nullptr);
  const int fd = signalfd(-1, &ends, SFD_CLOEXEC);
  if (fd < 0)
    throw Error(
        fmt::format("cannot make a descriptor for signals: {}; raise the limit of open files",
                    std::strerror(errno)));
  return fd;
}

void run(int argc, char** argv) {
  const std::vector<std::string> interfaces = read_flags(argc, argv);
  belka::start_log(FLAGS_log_level);
  if (FLAGS_uninstall) {
    belka::uninstall(FLAGS_pins);
    belka::log_info(FLAGS_pins + " is taken away; what was applied stays in the state directory");
    return;
  }
  const int signals = block_signals();
  belka::Daemon daemon({.config = FLAGS_config,
                        .interfaces = interfaces,
                        .pins = FLAGS_pins,
                        .socket = FLAGS_socket,
                        .state = FLAGS_state,
                        .require_native = FLAGS_require_native,
                        .heartbeat_ms = heartbeat_ms(),
                        .break_connections = FLAGS_break_connections});
  belka::log_info("belkad is ready");
  daemon.run(signals);
  belka::log_info("belkad ends; the XDP programs stay attached and split on");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(argc, argv);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "belkad: %s\n", error.what());
    return 1;
  }
}
