// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/change.h"
#include "control/config.h"
#include "control/seed.h"
#include "control/stats.h"
#include "dataplane/tables.h"

namespace belka {

class Publisher;
struct BackendRef;

// What the tables cannot tell and `status` shows. The daemon implements it; a Controller calls it
// with its lock held, from any thread: it must not call the Controller, nor wait for anybody who
// does.
class StatusSource {
 public:
  struct Interface {
    std::string name;
    uint32_t ifindex = 0;
    uint32_t queues = 0;
    uint32_t place = 0;     // in the tables of interfaces and heartbeats
    bool attached = false;  // our XDP program is on it now
    bool native = false;    // in the driver; else generic
    std::string note;       // a sentence where something is to be said of it, else empty
  };
  struct Applied {
    std::string file;    // where the configuration in force is kept
    std::string digest;  // of that file, hexadecimal
    int64_t time_s = 0;  // since 1970, when it was applied
  };

  virtual ~StatusSource() = default;
  virtual std::string instance() const = 0;   // where the tables are pinned
  virtual std::string seed_file() const = 0;  // the one the rings are made with
  virtual uint32_t heartbeat_ms() const = 0;  // a data plane's heartbeat that is as old is stale
  virtual std::vector<Interface> interfaces() const = 0;
  virtual std::optional<Applied> applied() const = 0;
  // Why this backend (a number in the tables) has no next hop: a clause, such as "no route to
  // 10.0.1.3" or "10.0.1.3 does not answer on veth0"; empty where nothing is known.
  virtual std::string unresolved_reason(uint16_t backend) const = 0;

  // Why this backend is down, such as "connection refused", or cannot be checked, also while it is
  // up: a clause; empty where it passes its checks, has none, or is not down yet.
  virtual std::string down_reason(uint16_t backend) const = 0;

  struct Checks {
    uint64_t backends = 0;                           // that are checked now
    uint64_t passed = 0, failed = 0, postponed = 0;  // since the start
    std::string lack;                                // why all of them wait now: a clause, or empty
  };
  virtual Checks checks() const = 0;
};

// Why a request was refused. `errors` has whole sentences; the API turns these into statuses.
enum class Fault : uint8_t {
  none,
  invalid,    // what was asked is wrong in itself: 400
  not_found,  // names nothing that there is: 404
  conflict,   // cannot be had beside what is in force: 409
  failed,     // the machine did not let us: 500
};

struct Answer {
  Fault fault = Fault::none;
  std::vector<std::string> errors;  // empty exactly where fault is none
  nlohmann::json body;              // then the answer
};

// How a change is made.
struct ChangeRequest {
  Pace pace = Pace::now;
  bool break_connections = false;  // also one that cuts connections whatever is done
};

// All that can be asked of the daemon, one call at a time: every function takes the one mutex. A
// change is in the tables, so in both planes, when its call returns; one with an error changes
// nothing. Calls throw nothing but std::bad_alloc.
class Controller {
 public:
  // `persist` keeps the configuration for the next start, and notes the seed that goes with it. It
  // is called, with the lock held, before a change is published, so that a crash between the two
  // finishes the change at the next start; what it throws as Error refuses the change. All
  // references must outlive the Controller.
  Controller(Tables& tables, Publisher& publisher, StatusSource& source,
             std::function<void(const Config&, const Seed&)> persist);

  // Body of both: {"plan": the plan, "text": the plan for people, "generation": n}, and of apply
  // "held_slots", of the services that it changes. `file_name` labels errors. plan changes nothing,
  // and its generation is the one in force. The seed is that of the file's seed_file, if it is
  // there; else the one in use, where its path is the same.
  Answer apply(std::string_view yaml, std::string_view file_name,
               const ChangeRequest& request = {});
  Answer plan(std::string_view yaml, std::string_view file_name, Pace pace) const;

  // New shares for some pools of a running service: {"canary=5%", "baseline=match"}. Body as
  // apply's, and "service" as in services().
  Answer split(std::string_view service, const std::vector<std::string>& words,
               const ChangeRequest& request = {});

  // What is on its way: services with moving slots, connections elsewhere, ages, what is waited
  // for.
  Answer drains() const;

  // Gives up what a service's moving slots keep elsewhere. Body as drains().
  Answer release(std::string_view service);

  // From now on a service's slots keep connections elsewhere for no longer than so, which is 1 s to
  // 30 days; 0: as long as they live. Body as drains().
  Answer drain_limit(std::string_view service, uint64_t limit_ms);

  // What an operator says of a backend: `drain`, `undrain` or `disable`. Of all services that have
  // the address, or of one. Body: {"backends": those, as in backends(), "held_slots": of these
  // services}.
  struct BackendRequest {
    std::string_view address;
    std::string_view verb;
    std::string_view service;  // empty: all
    Pace pace = Pace::now;
  };
  Answer set_backend(const BackendRequest& request);

  Answer status() const;
  Answer stats() const;
  Answer services() const;
  Answer pools() const;
  Answer backends() const;
  Answer explain(std::string_view flow) const;

  // For the daemon's other threads, which resolve neighbours: runs `work` under the lock.
  void with_publisher(const std::function<void(Publisher&)>& work);

 private:
  Answer publish(const Config& wanted, const ChangeRequest& request, const Seed* seed = nullptr);
  std::vector<BackendRef> backends_at(const Address& address, std::string_view service) const;
  void restore_admin(const std::vector<BackendRef>& backends);
  Answer refuse_absent(std::string_view name) const;
  std::optional<Answer> refuse_unknown(std::string_view service) const;
  void count_anew(const Config& before, const Config& after);

  Tables& tables_;
  Publisher& publisher_;
  StatusSource& source_;
  std::function<void(const Config&, const Seed&)> persist_;
  StatsBaseline baseline_;  // the counters as they stood at each service's last change
  mutable std::mutex mutex_;
};

}  // namespace belka
