// SPDX-License-Identifier: Apache-2.0
#include "tests/model/published.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "control/slot_change.h"
#include "tests/unit/publish_fixture.h"

namespace belka::model {
namespace {

constexpr uint32_t kSlotsOfService = 32;
constexpr uint32_t kIdleTicks = 8;
constexpr uint64_t kUnitNs = 1'000'000ull * kMinTickMs / kTick;
static_assert(kHold * kUnitNs <= kHoldNs);
constexpr uint32_t kShare = 62'500;  // two slots
constexpr uint32_t kAddresses = 6;   // that a pool may have

ServiceConfig service(const std::string& name, uint8_t protocol) {
  ServiceConfig service;
  service.name = name;
  service.vip = address("203.0.113.10");
  service.port = 443;
  service.protocol = protocol;
  service.slots = kSlotsOfService;
  service.idle_ms = kIdleTicks * kMinTickMs;
  service.pools = {pool("prod", {"10.0.1.1", "10.0.1.2", "10.0.1.3"}),
                   pool("canary", {"10.0.2.1"}, 2 * kShare)};
  service.health = HealthConfig{};
  return service;
}

Config first_config() {
  Config config = config_with({service("tcp", PROTOCOL_TCP), service("udp", PROTOCOL_UDP)});
  config.tick_ms = kMinTickMs;
  return config;
}

// Publishes the first configuration; the services' slots stand one after the other.
Shape shape_of(Tables& tables, const Options& options) {
  TestMachine machine;
  Publisher publisher(tables, test_seed(), machine.hooks());
  publisher.publish(first_config());
  Random random(~options.seed);
  Shape shape{};
  shape.first_slot = publisher.holdings().services.at("tcp").range()->base;
  EXPECT_EQ(publisher.holdings().services.at("udp").range()->base,
            shape.first_slot + kSlotsOfService);
  shape.slots = 2 * kSlotsOfService;
  shape.udp_slots = kSlotsOfService;
  shape.backends = 255;
  shape.tuples = shape.slots * (6 + random.below(12));
  shape.buckets = shape.tuples * 100 / PINS_PER_BUCKET / (40 + random.below(120));
  EXPECT_LE(shape.first_slot + shape.slots, kSlotsInReach);
  EXPECT_LE(shape.buckets, kBucketsInReach);
  shape.idle_ticks = kIdleTicks;
  static constexpr uint32_t kGentle[] = {100, 0, 50};
  shape.gentle_percent = kGentle[random.below(std::size(kGentle))];
  shape.delayed_percent = random.percent(50) ? 2 : 20;
  shape.error_percent = 2;
  shape.floods = random.percent(30);
  return shape;
}

}  // namespace

Published::Published(Tables& tables, const Options& options)
    : tables_(tables),
      world_(*tables.view(), options, shape_of(tables, options)),
      planes_(world_),
      oracle_(world_),
      clients_(world_, planes_, oracle_),
      mishaps_(world_, oracle_, [this](const Mishaps::Act& act) { return tell(act); }),
      wanted_(first_config()) {
  start();
  world_.agenda.at(kTick / 4, What::tick);
  world_.agenda.at(ticks(20), What::changes);
  world_.agenda.at(ticks(80), What::kill);
  world_.agenda.at(ticks(200), What::limit);
  if (world_.floods) world_.agenda.at(ticks(80), What::flood);
  if (options.mishaps) world_.agenda.at(ticks(20), What::death);
}

uint64_t Published::now_ns() const { return 1 + static_cast<uint64_t>(world_.now) * kUnitNs; }

// Planes do not sleep.
void Published::sleep(uint64_t ns) {
  world_.now += static_cast<Time>(ns / kUnitNs + 1);
  clients_.deliver_some();
}

void Published::before_store() {
  if (stores_to_live_ != 0 && --stores_to_live_ == 0) throw Killed{};
  clients_.deliver_some();
}

PublishHooks Published::hooks() {
  return {.now_ns = [this] { return now_ns(); },
          .sleep = [this](uint64_t ns) { sleep(ns); },
          .before_each_store = [this] { before_store(); },
          .route_to = {}};
}

void Published::run() {
  while (world_.figures.packets < world_.options.packets) {
    const Event event = world_.agenda.next();
    world_.now = std::max(world_.now, event.time);
    happen(event);
    if (world_.options.told && first_violation()) return;
  }
}

void Published::happen(const Event& event) {
  Random& random = world_.random;
  switch (event.what) {
    case What::client:
      return clients_.turn(event.index);
    case What::delivery:
      return clients_.deliver(event.index);
    case What::tick:
      alive([this] { pass_time(); });
      return world_.agenda.at(world_.now + kTick / 4, What::tick);
    case What::changes:
      alive([this] { change(); });
      return world_.agenda.at(ticks(random.percent(30) ? 1 : 30), What::changes);
    case What::kill:
      if (random.percent(30))
        alive([this] { die(); });
      else
        stores_to_live_ = static_cast<uint64_t>(random.up_to(80));
      return world_.agenda.at(ticks(160), What::kill);
    case What::start:
      return start();
    case What::limit:
      alive([this] { release(); });
      return world_.agenda.at(ticks(400), What::limit);
    case What::flood:
      clients_.flood();
      return world_.agenda.at(
          random.percent(90) ? world_.now + random.up_to(kTick / 8) : ticks(200), What::flood);
    default:
      return mishap(event);
  }
}

void Published::mishap(const Event& event) {
  const auto backend = static_cast<uint16_t>(event.index);
  switch (event.what) {
    case What::death:
      if (publisher_) mishaps_.strike(publisher_->backends());
      return world_.agenda.at(ticks(world_.random.percent(30) ? 1 : 24), What::death);
    case What::noticed:
      return mishaps_.notice(backend);
    case What::recovery:
      return mishaps_.recover(backend);
    case What::hold_over:
      return mishaps_.order(backend);
    default:
      return;
  }
}

bool Published::tell(const Mishaps::Act& act) {
  bool done = false;
  alive([&] {
    act(*publisher_);
    done = true;
  });
  return done;
}

void Published::die() {
  ++world_.figures.kills;
  publisher_.reset();
  stores_to_live_ = 0;
  world_.agenda.at(ticks(world_.random.percent(50) ? 1 : 3 * kIdleTicks), What::start);
  if (world_.options.told) world_.tell("the daemon is killed");
}

// It goes on where the last one was killed.
void Published::start() {
  if (publisher_) return;
  // The daemon's sweeps go through 64 MiB of pins, of which a scenario uses a few kilobytes.
  const KeeperReach within{kSlotsInReach, kBucketsInReach};
  publisher_.emplace(tables_, test_seed(), hooks(),
                     world_.options.whole_tables ? KeeperReach{} : within);
  if (world_.options.told) world_.tell("the daemon starts");
  alive([this] { publish(Pace::now); });
}

std::vector<uint32_t> Published::words() const {
  std::vector<uint32_t> words;
  for (uint32_t slot = 0; slot < world_.slots; ++slot)
    words.push_back(world_.word(world_.first_slot + slot));
  return words;
}

void Published::pass_time() {
  const std::vector<uint32_t> before = words();
  const bool ticked = publisher_->pass_time();
  // Who went down may have returned, which nobody held back for; what was held, was.
  for (uint32_t slot = 0; slot < before.size(); ++slot) {
    const uint32_t word = world_.word(world_.first_slot + slot);
    const bool moved = slot_current(word) != slot_current(before[slot]);
    if (moved && slot_draining(before[slot]) != SLOT_HOLD)
      world_.plan(world_.first_slot + slot).by_hand = world_.now;
  }
  if (!ticked) return;
  const Sweep& last = publisher_->keeper().last();
  ++world_.figures.ticks;
  world_.figures.flips += last.flipped;
  world_.figures.settles += last.settled;
  if (world_.tells(world_.options.told_slot))
    world_.tell(fmt::format("swept: {} pins, slot {} is {}", last.pins, world_.options.told_slot,
                            text_of_word(world_.word(world_.options.told_slot))));
}

void Published::change() {
  edit(wanted_.services[world_.random.below(2)]);
  if (world_.random.percent(20)) edit(wanted_.services[world_.random.below(2)]);
  if (world_.random.once_in(30)) return publish(Pace::hard);
  publish(world_.random.percent(world_.gentle_percent) ? Pace::gentle : Pace::now);
}

// The share of the canary, or one backend more or less.
void Published::edit(ServiceConfig& service) {
  if (world_.random.percent(60)) {
    service.pools[1].share_ppm = kShare * world_.random.below(16);
  } else {
    edit_backends(service, service.pools[world_.random.below(2)]);
  }
}

// The configuration, too, leaves prod somebody who serves new connections. Whom this change has
// taken out of it already does not count.
bool Published::is_needed(const ServiceConfig& service, const Address& chosen) {
  std::vector<BackendRef> backends = publisher_->backends();
  const auto held = publisher_->holdings().services.find(service.name);
  if (held == publisher_->holdings().services.end()) return false;
  const std::vector<BackendConfig>& prod = service.pools.front().backends;
  std::erase_if(backends, [&](const BackendRef& each) {
    return each.service == held->second.number && each.pool == service.pools.front().name &&
           std::none_of(prod.begin(), prod.end(),
                        [&](const BackendConfig& kept) { return kept.address == each.address; });
  });
  return std::any_of(backends.begin(), backends.end(), [&](const BackendRef& each) {
    return each.address == chosen && each.service == held->second.number && !each.leaving &&
           mishaps_.is_last_of_prod(backends, each);
  });
}

void Published::edit_backends(const ServiceConfig& service, PoolConfig& pool) {
  const uint32_t number = 1 + world_.random.below(kAddresses);
  const Address chosen = address(fmt::format("10.0.{}.{}", pool.name == "prod" ? 1 : 2, number));
  const auto found = std::find_if(pool.backends.begin(), pool.backends.end(),
                                  [&](const auto& each) { return each.address == chosen; });
  if (found == pool.backends.end()) {
    pool.backends.push_back({chosen, 1 + world_.random.below(3)});
  } else if (pool.backends.size() > 1 && !is_needed(service, chosen)) {
    pool.backends.erase(found);
  }
}

void Published::publish(Pace pace) {
  PreparedChange change = publisher_->prepare(wanted_, pace);
  world_.figures.changes += change.slots.size();
  foresee(change);
  for (const NewBackend& backend : change.new_backends) mishaps_.begin(backend.number);
  publisher_->commit(change);
}

// What the change promises, before its first store.
void Published::foresee(const PreparedChange& change) {
  const std::set<uint32_t> given_up(change.given_up.begin(), change.given_up.end());
  for (const SlotStore& store : change.slots) {
    const uint32_t before = world_.word(store.index);
    if (world_.tells(store.index))
      world_.tell(fmt::format("slot {}: {} is to become {}", store.index, text_of_word(before),
                              text_of_word(store.word)));
    if (given_up.contains(store.index))
      oracle_.given_up(store.index, slot_current(store.word));
    else if (slot_begins(before, store.word))
      world_.plan(store.index).by_hand = world_.now;
  }
}

void Published::release() {
  const bool tcp = world_.random.percent(50);
  const uint32_t base = world_.first_slot + (tcp ? 0 : kSlotsOfService);
  for (uint32_t slot = base; slot < base + kSlotsOfService; ++slot) {
    if (slot_is_settled(world_.word(slot))) continue;
    ++world_.figures.limits;
    oracle_.given_up(slot, slot_current(world_.word(slot)));
  }
  publisher_->release(tcp ? "tcp" : "udp");
}

std::string Published::rest() {
  stores_to_live_ = 0;
  start();
  clients_.deliver_all();
  if (world_.options.mishaps) mishaps_.end(publisher_->backends());
  for (uint32_t i = 0; i < 4 * kIdleTicks + 16; ++i) {
    world_.now += 2 * kTick;
    publisher_->pass_time();
  }
  std::string left;
  for (uint32_t slot = world_.first_slot; slot < world_.first_slot + world_.slots; ++slot)
    if (!slot_is_settled(world_.word(slot)))
      left += fmt::format("slot {} is {}; ", slot, text_of_word(world_.word(slot)));
  for (const auto& [name, service] : publisher_->holdings().services)
    if (!service.leaving.empty()) left += fmt::format("backends of {} still leave; ", name);
  if (publisher_->keeper().last().pins != 0) left += "pins are left; ";
  return left + not_as_wanted();
}

// The ring of a publisher that never had any other configuration, by addresses.
std::string Published::not_as_wanted() {
  Tables other = Tables::create_private(1, 1);
  TestMachine machine;
  Publisher fresh(other, test_seed(), machine.hooks());
  fresh.publish(wanted_);
  const auto address_at = [](const TableView& tables, uint32_t slot) {
    return address_of(tables.backends[slot_current(tables.slots[slot])]).text();
  };
  std::string wrong;
  for (const char* name : {"tcp", "udp"}) {
    const uint32_t here = publisher_->holdings().services.at(name).range()->base;
    const uint32_t there = fresh.holdings().services.at(name).range()->base;
    for (uint32_t slot = 0; slot < kSlotsOfService; ++slot)
      if (address_at(*tables_.view(), here + slot) != address_at(*other.view(), there + slot))
        wrong += fmt::format("slot {} of {} is not as configured; ", slot, name);
  }
  return wrong;
}

}  // namespace belka::model
