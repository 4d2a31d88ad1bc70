// SPDX-License-Identifier: Apache-2.0
#include "control/daemon.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <utility>

#include "control/bpf_log.h"
#include "control/error.h"
#include "control/health_state.h"
#include "control/log.h"
#include "control/rights.h"
#include "control/seed.h"
#include "control/table_views.h"

namespace belka {
namespace {

using std::chrono::milliseconds;

// How long a change waits for the MACs of backends that it brings. A machine on the link answers
// within a millisecond; one that is dead holds a change up no longer than this.
constexpr milliseconds kPatience{100};
constexpr milliseconds kPassTimeEvery{250};  // an eighth of the shortest tick

std::string read_file(const std::string& path) {
  errno = 0;  // an empty file sets none
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  if (!stream || !(text << stream.rdbuf())) {
    throw Error(fmt::format("cannot read --config={}: {}", path,
                            errno != 0 ? std::strerror(errno) : "it is empty"));
  }
  return text.str();
}

Config parse_or_throw(const std::string& text, const std::string& path) {
  ConfigResult result = parse_config(text, path);
  if (result.config) return std::move(*result.config);
  std::string errors;
  for (const ConfigError& error : result.errors) {
    errors += (errors.empty() ? "" : "\nbelkad: ") + error.text();
  }
  throw Error(errors);
}

std::set<uint32_t> ifindexes(const std::vector<Link>& links) {
  std::set<uint32_t> numbers;
  for (const Link& link : links) numbers.insert(link.ifindex);
  return numbers;
}

// What is on its way out.
std::set<std::string> leaving_of(const Holdings& holdings) {
  std::set<std::string> leaving;
  for (const auto& [name, service] : holdings.services) {
    if (service.draining) leaving.insert(fmt::format("service {}", name));
    for (const HeldBackend& backend : service.leaving)
      leaving.insert(fmt::format("backend {} of service {}", backend.address.text(), name));
  }
  return leaving;
}

void log_removed(const std::set<std::string>& before, const std::set<std::string>& after) {
  for (const std::string& each : before)
    if (!after.contains(each)) log_info(fmt::format("{} has drained and is removed", each));
}

void log_cut(const std::vector<CutByLimit>& cut) {
  for (const auto& [service, connections] : cut)
    log_info(given_up_text(service, connections, "for longer than its drain limit"));
}

// Takes back programs, tables and a directory that were made, unless the start came to its end.
class Undo {
 public:
  explicit Undo(std::string pins) : pins_(std::move(pins)) {}
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;
  ~Undo() {
    if (xdp_ != nullptr) xdp_->take_back();
    if (tables_) remove_table_pins(pins_);
    if (directory_) (void)rmdir(pins_.c_str());
  }
  void made_directory(bool made) { directory_ = made; }
  void made_tables(bool made) { tables_ = made; }
  void made_programs(Xdp* xdp) { xdp_ = xdp; }
  void keep() {
    directory_ = tables_ = false;
    xdp_ = nullptr;
  }

 private:
  std::string pins_;
  bool directory_ = false;
  bool tables_ = false;
  Xdp* xdp_ = nullptr;
};

// Rings that are in force are never made with a new seed.
Seed seed_for(const struct tables& tables, const std::string& path) {
  if (auto seed = find_seed(path)) return *seed;
  if (!view_services(tables).empty()) {
    throw Error(
        fmt::format("there is no seed file {}, but the tables have services whose rings were made "
                    "with a seed: put it there, name it as seed_file in the configuration, or give "
                    "up what is in force with belkad --uninstall",
                    path));
  }
  const Seed seed = read_or_create_seed(path);
  log_warn(
      fmt::format("there was no seed in {}: made a new one; machines that are to split alike need "
                  "the same",
                  path));
  return seed;
}

Descriptor make_wake() {
  Descriptor wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (wake.get() < 0) {
    throw Error(
        fmt::format("cannot make a descriptor for events: {}; raise the limit of open files",
                    std::strerror(errno)));
  }
  return wake;
}

}  // namespace

struct Daemon::Start {
  Config config;
  std::string why;
  bool leave_tables = false;  // nothing is to be published
  bool is_saved = false;      // it is what the state directory has
  std::string seed_digest;    // of the seed that it was saved with
};

Daemon::Daemon(DaemonOptions options) : options_(std::move(options)) {
  require_rights();
  raise_memory_limit();
  raise_descriptor_limit();
  keep_bpf_messages();
  set_up();
}

Daemon::~Daemon() { api_.reset(); }

void Daemon::set_up() {
  std::optional<Config> file;
  std::string digest;
  if (!options_.config.empty()) {
    const std::string text = read_file(options_.config);
    file = parse_or_throw(text, options_.config);
    digest = digest_of(text);
  }
  Undo undo(options_.pins);
  undo.made_directory(prepare_pins(options_.pins));
  lock_ = std::make_unique<InstanceLock>(options_.pins, "runs with the tables at", "--pins");
  const std::vector<Link> links = Xdp::find(options_.pins, options_.interfaces, Netlink().links());
  state_ = std::make_unique<State>(options_.state);
  maps_ = std::make_unique<PinnedMaps>(PinnedMaps::open_or_create(options_.pins));
  undo.made_tables(maps_->created());
  neighbours_ = std::make_unique<Neighbours>(maps_->tables().view());
  neighbours_->set_attached(ifindexes(links));
  // What the machine may not let us have comes first: a start that failed for it has published
  // nothing, and let go of nothing.
  api_ = std::make_unique<Api>(options_.socket);
  const Start start = choose_start(file, digest);
  PreparedChange change = prepare(start);
  xdp_ = std::make_unique<Xdp>(options_.pins, *maps_,
                               Xdp::Options{.require_native = options_.require_native,
                                            .heartbeat_ns = options_.heartbeat_ms * kNsPerMs});
  xdp_->attach(links);
  undo.made_programs(xdp_.get());
  health_ = std::make_unique<HealthWatch>();
  wake_ = make_wake();
  begin(start, change);
  xdp_->detach_unnamed();
  controller_ = std::make_unique<Controller>(
      maps_->tables(), *publisher_, *this,
      [this](const Config& config, const Seed& seed) { persist(config, seed); });
  api_->serve(*controller_);
  undo.keep();
}

// The file as it is now is applied where it is another than the one that was loaded last; else what
// an operator changed since then goes on.
Daemon::Start Daemon::choose_start(const std::optional<Config>& file, const std::string& digest) {
  std::optional<State::Saved> saved;
  try {
    saved = state_->load();
  } catch (const Error& error) {
    if (!file && maps_->created()) throw;
    log_error(fmt::format("{}: going on without it", error.what()));
  }
  if (saved) {
    loaded_digest_ = saved->loaded_digest;
    applied_ = Applied{state_->file(), saved->digest, saved->time_s};
  }
  if (file && (!saved || saved->loaded_digest != digest)) {
    loaded_digest_ = digest;
    return {*file, fmt::format("{} is {}: applied", options_.config, saved ? "changed" : "new")};
  }
  if (saved) {
    const std::string from = maps_->created() ? "there were no tables" : "the tables are there";
    const std::string why =
        file ? fmt::format("{} is as it was last loaded", options_.config) : "no --config";
    return {saved->config,
            fmt::format("{}, {}: what was applied last ({}) goes on", from, why, state_->file()),
            false, true, saved->seed_digest};
  }
  return {{},
          maps_->created() ? "no --config, and nothing was applied yet: no services"
                           : "no --config: what is in the tables goes on",
          !maps_->created()};
}

// All but the stores.
PreparedChange Daemon::prepare(const Start& start) {
  log_info(start.why);
  seed_file_ = start.config.seed_file;
  const Seed seed = seed_for(*maps_->tables().view(), seed_file_);
  PublishHooks hooks = machine_hooks();
  hooks.route_to = [this](const Address& backend, ForwardMode mode) {
    return neighbours_->route_to(backend, mode);
  };
  publisher_ = std::make_unique<Publisher>(maps_->tables(), seed, std::move(hooks));
  if (start.leave_tables) {
    require_same_seed();
    return {};
  }
  PreparedChange change = publisher_->prepare(start.config);
  require_unbroken(start, change.plan);
  return change;
}

void Daemon::begin(const Start& start, PreparedChange& change) {
  if (!start.leave_tables) {
    persist_at_start(start);
    const uint64_t before = publisher_->generation();
    const uint64_t generation = publisher_->commit(change);
    const size_t services = start.config.services.size();
    log_info(fmt::format("generation {}: {} service{}{}", generation, services,
                         services == 1 ? "" : "s",
                         generation == before ? ", as they were" : ": " + change.plan.line()));
  }
  neighbours_->follow(*publisher_);
  health_->follow(*publisher_);
  published_ = false;
}

// What is in the tables is not all of a configuration, so nothing can be published with a new seed.
void Daemon::require_same_seed() const {
  if (!publisher_->plan(publisher_->in_force()).other_seed) return;
  throw Error(fmt::format(
      "the tables were made with another seed than {} has, and no configuration says which: give a "
      "--config with the right one as seed_file",
      seed_file_));
}

// What was saved was accepted then, with the seed of then.
void Daemon::require_unbroken(const Start& start, const Plan& plan) const {
  const bool accepted =
      start.is_saved && (!plan.other_seed || start.seed_digest == digest_of(publisher_->seed()));
  std::vector<std::string> breaks = plan.breaks();
  if (accepted || options_.break_connections || breaks.empty()) return;
  if (plan.other_seed) {
    breaks.front() = fmt::format(
        "the tables were made with another seed than {} has: put the right one there, or name it "
        "as seed_file; {}",
        seed_file_, breaks.front());
  }
  const std::string file = start.is_saved ? state_->file() : options_.config;
  throw Error(fmt::format("{}: {}", file, fmt::join(breaks, fmt::format("\nbelkad: {}: ", file))));
}

// What stands in the file already need not be written to it: a full disk must not keep a daemon
// from following the kernel.
void Daemon::persist_at_start(const Start& start) {
  try {
    persist(start.config, publisher_->seed());
  } catch (const Error& error) {
    if (!start.is_saved) throw;
    log_error(fmt::format("{}: going on, since it is as it was", error.what()));
    published_ = true;
  }
}

// Before a change is published: a crash in between finishes it at the next start.
void Daemon::persist(const Config& config, const Seed& seed) {
  neighbours_->prepare(config, kPatience);  // first: what it throws refuses the change
  const std::string digest = state_->save(config, loaded_digest_, digest_of(seed));
  seed_file_ = config.seed_file;
  applied_ = Applied{state_->file(), digest, std::time(nullptr)};
  published_ = true;
  const uint64_t one = 1;
  if (wake_) (void)!::write(wake_.get(), &one, sizeof one);
}

void Daemon::run(int signal_fd) {
  std::array<pollfd, 4> events = {pollfd{signal_fd, POLLIN, 0},
                                  {neighbours_->fd(), POLLIN, 0},
                                  {wake_.get(), POLLIN, 0},
                                  {health_->fd(), POLLIN, 0}};
  next_tick_ = Neighbours::Clock::now();
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(next_tick_ - Neighbours::Clock::now());
    if (poll(events.data(), events.size(), std::max(0, static_cast<int>(left.count()))) < 0 &&
        errno != EINTR) {
      throw Error(fmt::format("cannot wait for events: {}; free memory, and start belkad again",
                              std::strerror(errno)));
    }
    if (events[0].revents != 0) return;
    uint64_t count = 0;
    if (events[2].revents != 0) (void)!read(wake_.get(), &count, sizeof count);
    controller_->with_publisher([&](Publisher& publisher) {
      const bool published = std::exchange(published_, false);
      if (published) neighbours_->follow(publisher);
      follow_kernel(publisher);
      follow_health(publisher, published);
      pass_time(publisher);
      health_->report(publisher);
    });
  }
}

// A change that cannot be had, for want of numbers or places, is no reason to end.
void Daemon::follow_health(Publisher& publisher, bool published) {
  try {
    if (published) health_->follow(publisher);
    health_->handle_events(publisher);
  } catch (const Error& error) {
    log_error(fmt::format("health: {}", error.what()));
  }
}

void Daemon::pass_time(Publisher& publisher) {
  const auto now = Neighbours::Clock::now();
  if (now < next_tick_) return;
  neighbours_->tick(publisher, now);
  next_tick_ = now + Neighbours::kTick;
  if (now < next_pass_) return;
  next_pass_ = now + kPassTimeEvery;
  const std::set<std::string> leaving = leaving_of(publisher.holdings());
  try {
    // What has drained is not looked after any more.
    if (publisher.pass_time()) published_ = true;
    log_cut(publisher.take_cut());
    log_removed(leaving, leaving_of(publisher.holdings()));
  } catch (const Error& error) {
    log_error(fmt::format("time: {}", error.what()));
  }
}

void Daemon::follow_kernel(Publisher& publisher) {
  neighbours_->handle_events(publisher);
  const auto changed = neighbours_->take_links();
  if (changed.empty()) return;
  for (const auto& [link, gone] : changed) xdp_->link_changed(link, gone);
  std::set<uint32_t> attached;
  for (const Xdp::Interface& each : xdp_->interfaces()) {
    if (each.ifindex != 0) attached.insert(each.ifindex);
  }
  neighbours_->set_attached(std::move(attached));
}

std::vector<StatusSource::Interface> Daemon::interfaces() const {
  std::vector<Interface> all;
  for (const Xdp::Interface& each : xdp_->interfaces()) {
    all.push_back({each.name, each.ifindex, each.queues, each.place, Xdp::attached(each),
                   each.native, each.note});
  }
  return all;
}

StatusSource::Checks Daemon::checks() const {
  const HealthChecker::Counts& counts = health_->counts();
  return {health_->backends(), counts.passed, counts.failed, counts.postponed, health_->lack()};
}

std::string Daemon::unresolved_reason(uint16_t backend) const {
  return neighbours_->reason(backend);
}

void uninstall(const std::string& pins) {
  require_rights();
  keep_bpf_messages();
  std::error_code error;
  if (!std::filesystem::is_directory(pins, error)) {
    throw Error(fmt::format("nothing is installed at --pins={}: there is no such directory", pins));
  }
  prepare_pins(pins);
  const InstanceLock lock(pins, "runs with the tables at", "--pins");
  Xdp::detach_all(pins);
  if (!remove_table_pins(pins)) {
    throw Error(
        fmt::format("nothing is installed at --pins={}: it has no tables; give the "
                    "directory that belkad was started with",
                    pins));
  }
  // A bpffs may be mounted just here, and then stays.
  if (rmdir(pins.c_str()) != 0 && errno != EBUSY) {
    throw Error(fmt::format("cannot remove {}: {}; what is left in it is not of this belkad", pins,
                            std::strerror(errno)));
  }
}

}  // namespace belka
