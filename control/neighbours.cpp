// SPDX-License-Identifier: Apache-2.0
#include "control/neighbours.h"

#include <linux/neighbour.h>

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "control/log.h"

namespace belka {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSettle{50};  // changes of routes come in bursts
constexpr int kRoundPause = 10;  // a round of questions is followed by so many times its duration
constexpr size_t kRoutesAtOnce = 256;
constexpr size_t kRefreshTicks = 20;  // each next hop is looked at every 2 s,
constexpr size_t kUsesAtOnce = 1000;  // unless there are more than 20,000
constexpr size_t kPreparedAtOnce = 4096;
constexpr int kMostDiscards = 100;

bool same_route(const Route& one, const Route& other) {
  return one.next_hop_mac == other.next_hop_mac && one.source_mac == other.source_mac &&
         one.ifindex == other.ifindex && one.mtu == other.mtu &&
         one.outer_source.bytes == other.outer_source.bytes;
}

}  // namespace

// What is known of neighbours stays (a MAC holds until the kernel says otherwise) but is doubted.
// Interfaces that went or came meanwhile are changes as if the kernel had told them.
void Neighbours::reload() {
  next_hops_.doubt_all();
  std::map<uint32_t, Link> now;
  for (Link& link : netlink_.links()) now[link.ifindex] = std::move(link);
  for (const auto& [link, gone] : link_changes(next_hops_.links(), now)) {
    next_hops_.set_link(link, gone);
    links_changed_.emplace_back(link, gone);
  }
  for (const Neighbour& neighbour : netlink_.neighbours()) next_hops_.set_neighbour(neighbour);
  routes_changed();
  all_changed();
}

void Neighbours::set_attached(std::set<uint32_t> ifindexes) {
  next_hops_.set_attached(std::move(ifindexes));
  routes_changed();
  all_changed();
}

void Neighbours::routes_changed() {
  if (!routes_changed_at_) routes_changed_at_ = Clock::now();
}

void Neighbours::all_changed() {
  for (const auto& [address, target] : targets_) changed_.insert(address);
}

// True where the next hop is another than before.
bool Neighbours::ask_route(const Address& address, Target& target) {
  RouteAnswer answer = netlink_.route(address);
  if (answer == target.answer && target.hop == next_hops_.next_hop(address, answer)) return false;
  target.answer = answer;
  changed_.insert(address);
  const NextHop hop = next_hops_.next_hop(address, answer);
  if (hop == target.hop) return false;
  if (const auto old = by_hop_.find(target.hop); old != by_hop_.end()) {
    old->second.erase(address);
    if (old->second.empty()) {
      use_errors_.erase(old->first);
      by_hop_.erase(old);
    }
  }
  target.hop = hop;
  if (hop.ifindex != 0) by_hop_[hop].insert(address);
  return true;
}

void Neighbours::use(const NextHop& hop) {
  const int error = netlink_.use_neighbour(hop.ifindex, hop.address);
  if (error == 0) {
    use_errors_.erase(hop);
    return;
  }
  int& known = use_errors_[hop];
  if (known != error && use_errors_.size() <= 1) {  // the reason of each is in the status
    log_warn(fmt::format("the kernel does not look for the neighbour {}: {}", hop.address.text(),
                         std::strerror(error)));
  }
  known = error;
}

void Neighbours::prepare(const Config& config, milliseconds patience) {
  std::set<NextHop> asked;
  prepared_.clear();
  for (const ServiceConfig& service : config.services) {
    for (const PoolConfig& pool : service.pools) {
      for (const BackendConfig& backend : pool.backends) {
        if (asked.size() >= kPreparedAtOnce) break;
        if (targets_.contains(backend.address)) continue;
        const auto [place, is_new] = prepared_.try_emplace(backend.address);
        if (!is_new) continue;
        place->second = netlink_.route(backend.address);
        const NextHop hop = next_hops_.next_hop(backend.address, place->second);
        if (hop.ifindex == 0 || next_hops_.knows_mac(hop) || asked.contains(hop)) continue;
        asked.insert(hop);
        (void)netlink_.use_neighbour(hop.ifindex, hop.address);
      }
    }
  }
  const auto deadline = Clock::now() + patience;
  while (true) {
    std::erase_if(asked, [&](const NextHop& hop) { return next_hops_.knows_mac(hop); });
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
    if (asked.empty() || left <= milliseconds(0)) return;
    pollfd event{fd(), POLLIN, 0};
    if (poll(&event, 1, static_cast<int>(left.count())) > 0) read_events();
  }
}

std::optional<Route> Neighbours::route_to(const Address& backend, ForwardMode mode) const {
  const auto target = targets_.find(backend);
  const auto prepared = prepared_.find(backend);
  if (target == targets_.end() && prepared == prepared_.end()) return std::nullopt;
  const RouteAnswer& answer = target != targets_.end() ? target->second.answer : prepared->second;
  const Resolution found = next_hops_.resolve(backend, mode, answer);
  const Route* route = std::get_if<Route>(&found);
  return route != nullptr ? std::optional(*route) : std::nullopt;
}

void Neighbours::follow(Publisher& publisher) {
  prepared_.clear();
  const std::vector<BackendRef> backends = publisher.backends();
  for (auto& [address, target] : targets_) target.users.clear();
  addresses_.clear();
  for (const BackendRef& backend : backends) {
    const auto [place, is_new] = targets_.try_emplace(backend.address);
    Target& target = place->second;
    target.users.emplace_back(backend.number, backend.mode);
    addresses_[backend.number] = backend.address;
    changed_.insert(backend.address);
    if (!is_new) continue;
    ask_route(backend.address, target);
    if (target.hop.ifindex == 0) continue;
    const auto known = in_table(backend.number);
    if (known && known->ifindex == target.hop.ifindex) {
      next_hops_.remember(target.hop, known->next_hop_mac);
    }
    if (next_hops_.wants_use(target.hop)) lost_.insert(target.hop);
  }
  for (auto target = targets_.begin(); target != targets_.end();) {
    if (!target->second.users.empty()) {
      ++target;
      continue;
    }
    if (const auto hop = by_hop_.find(target->second.hop); hop != by_hop_.end()) {
      hop->second.erase(target->first);
      if (hop->second.empty()) {
        use_errors_.erase(hop->first);
        by_hop_.erase(hop);
      }
    }
    changed_.erase(target->first);
    target = targets_.erase(target);
  }
  store(publisher);
}

void Neighbours::note_neighbour(const Neighbour& neighbour) {
  if (!next_hops_.is_attached(neighbour.ifindex)) return;
  next_hops_.set_neighbour(neighbour);
  const NextHop hop{neighbour.ifindex, neighbour.address};
  const auto users = by_hop_.find(hop);
  if (users == by_hop_.end()) {
    // What comes and goes on the link besides is not to pile up here.
    if (neighbour.state == NUD_NONE) next_hops_.forget(hop);
    return;
  }
  changed_.insert(users->second.begin(), users->second.end());
  if (neighbour.state == NUD_NONE) lost_.insert(hop);
}

void Neighbours::note_link(const Link& link, bool gone) {
  const auto known = next_hops_.links().find(link.ifindex);
  if (!gone && known != next_hops_.links().end() && known->second == link) return;
  next_hops_.set_link(link, gone);
  links_changed_.emplace_back(link, gone);
  routes_changed();  // the kernel tells of no IPv4 route that goes with its interface
  all_changed();
}

void Neighbours::read_events() {
  const bool whole = events_.read({
      .link = [this](const Link& link, bool gone) { note_link(link, gone); },
      .neighbour = [this](const Neighbour& neighbour) { note_neighbour(neighbour); },
      .route = [this] { routes_changed(); },
  });
  if (whole) return;
  log_warn("the kernel told more changes than could be read: asking for all anew");
  discard_events();
  reload();
}

// Until what is queued is read the kernel drops what is new, and does not say so again; and what is
// queued is older than what it answers now.
void Neighbours::discard_events() {
  pollfd event{fd(), POLLIN, 0};
  for (int i = 0; i < kMostDiscards && poll(&event, 1, 0) > 0; i++) {
    (void)events_.read(
        {.link = [](const Link&, bool) {}, .neighbour = [](const Neighbour&) {}, .route = [] {}});
  }
}

void Neighbours::handle_events(Publisher& publisher) {
  read_events();
  store(publisher);
}

std::vector<std::pair<Link, bool>> Neighbours::take_links() {
  return std::exchange(links_changed_, {});
}

void Neighbours::tick(Publisher& publisher, Clock::time_point now) {
  ask_routes_again(now);
  keep_alive();
  store(publisher);
}

// A round over all backends, a part at each tick. What changes meanwhile starts another one, after
// a pause that keeps the load small however often routes change.
void Neighbours::ask_routes_again(Clock::time_point now) {
  if (!asking_from_) {
    if (!routes_changed_at_ || now < *routes_changed_at_ + kSettle || now < next_round_) return;
    routes_changed_at_.reset();
    round_took_ = {};
    asking_from_ = Address{};
  }
  auto target = targets_.lower_bound(*asking_from_);
  for (size_t asked = 0; target != targets_.end() && asked < kRoutesAtOnce; asked++, ++target) {
    const bool moved = ask_route(target->first, target->second);
    const NextHop& hop = target->second.hop;
    if (moved && hop.ifindex != 0 && next_hops_.wants_use(hop)) lost_.insert(hop);
  }
  round_took_ += Clock::now() - now;
  if (target != targets_.end()) {
    asking_from_ = target->first;
    return;
  }
  asking_from_.reset();
  next_round_ = now + kRoundPause * round_took_;
}

void Neighbours::keep_alive() {
  const size_t share = (by_hop_.size() + kRefreshTicks - 1) / kRefreshTicks;
  auto hop = by_hop_.lower_bound(alive_from_);
  for (size_t i = 0; i < std::min(share, kUsesAtOnce); i++, ++hop) {
    if (hop == by_hop_.end()) hop = by_hop_.begin();
    if (next_hops_.wants_use(hop->first)) use(hop->first);
  }
  alive_from_ = hop == by_hop_.end() ? NextHop{} : hop->first;
}

std::optional<Route> Neighbours::in_table(uint16_t number) const {
  const backend& entry = tables_->backends[number];
  if (entry.next_hop.part.state != BACKEND_READY) return std::nullopt;
  Route route{};
  std::memcpy(route.next_hop_mac.data(), entry.next_hop.part.mac, route.next_hop_mac.size());
  std::memcpy(route.source_mac.data(), entry.source_mac, route.source_mac.size());
  route.ifindex = entry.ifindex;
  route.mtu = entry.mtu;
  std::memcpy(route.outer_source.bytes.data(), entry.outer_source, sizeof entry.outer_source);
  return route;
}

// Only what differs from the tables is stored, so a restart changes no byte.
void Neighbours::store(Publisher& publisher) {
  for (const NextHop& hop : std::exchange(lost_, {})) use(hop);
  for (const Address& address : std::exchange(changed_, {})) {
    const auto target = targets_.find(address);
    if (target == targets_.end()) continue;
    for (const auto& [number, mode] : target->second.users) {
      const Resolution found = next_hops_.resolve(address, mode, target->second.answer);
      const Route* route = std::get_if<Route>(&found);
      const auto known = in_table(number);
      if (route != nullptr && known && same_route(*route, *known)) continue;
      if (route == nullptr && !known) continue;
      publisher.set_route(number, route != nullptr ? std::optional(*route) : std::nullopt);
      log_debug(fmt::format("backend {} ({}): {}", number, address.text(),
                            route != nullptr ? "resolved" : std::get<std::string>(found)));
    }
  }
}

std::string Neighbours::reason(uint16_t backend) const {
  const auto address = addresses_.find(backend);
  if (address == addresses_.end()) return "";
  const Target& target = targets_.at(address->second);
  for (const auto& [number, mode] : target.users) {
    if (number != backend) continue;
    const Resolution found = next_hops_.resolve(address->second, mode, target.answer);
    const auto* why = std::get_if<std::string>(&found);
    if (why == nullptr) return "";
    const auto error = use_errors_.find(target.hop);
    if (error == use_errors_.end()) return *why;
    return fmt::format("{} (the kernel: {}{})", *why, std::strerror(error->second),
                       error->second == ENOBUFS
                           ? "; its table of neighbours is full, see sysctl net.ipv4.neigh.default."
                             "gc_thresh3 or net.ipv6's"
                           : "");
  }
  return "";
}

}  // namespace belka
