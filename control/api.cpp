// SPDX-License-Identifier: Apache-2.0
#include "control/api.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <httplib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <regex>
#include <thread>

#include "control/config.h"
#include "control/controller.h"
#include "control/error.h"
#include "control/quote.h"
#include "control/unix_socket.h"

namespace belka {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr size_t kMaxBodyBytes =
    kMaxConfigBytes + 1;  // one more, so that the reader says the limit
constexpr size_t kMaxSplitBytes = 64u << 10;
constexpr size_t kThreads = 4;
constexpr milliseconds kLook{1};
constexpr int kReadSeconds = 5;  // between two pieces of a request

struct Request {
  const httplib::Request& http;
  std::string body;
};

using Handler = std::function<Answer(Controller&, const Request&)>;

struct Endpoint {
  const char* method;
  const char* pattern;  // a regular expression over the whole path
  const char* text;     // as people write it
  Handler handler;
  std::vector<std::string_view> keys{};  // that its query may have
};

std::string param(const Request& request, const char* name) {
  return request.http.has_param(name) ? request.http.get_param_value(name) : "";
}

std::string file_name(const Request& request) {
  const std::string name = param(request, "file");
  return name.empty() ? "body" : name;
}

Answer refusal(Fault fault, std::string sentence) {
  return {.fault = fault, .errors = {std::move(sentence)}, .body = nullptr};
}

// ?pace=gentle|hard&break_connections=1; what an endpoint does not take, refuse_query has refused.
std::optional<Answer> read_change(const Request& request, ChangeRequest& change) {
  const std::string pace = param(request, "pace");
  if (pace == "gentle") change.pace = Pace::gentle;
  if (pace == "hard") change.pace = Pace::hard;
  if (!pace.empty() && change.pace == Pace::now) {
    return refusal(
        Fault::invalid,
        fmt::format("pace: found {}, allowed is gentle or hard; leave it out for neither",
                    quote(pace)));
  }
  const std::string break_connections = param(request, "break_connections");
  change.break_connections = break_connections == "1";
  if (break_connections.empty() || change.break_connections) return std::nullopt;
  return refusal(Fault::invalid,
                 fmt::format("break_connections: found {}, allowed is 1; leave it out to have such "
                             "a change refused",
                             quote(break_connections)));
}

Answer apply(Controller& controller, const Request& request) {
  ChangeRequest change;
  if (auto refused = read_change(request, change)) return std::move(*refused);
  return controller.apply(request.body, file_name(request), change);
}

Answer plan(Controller& controller, const Request& request) {
  ChangeRequest change;
  if (auto refused = read_change(request, change)) return std::move(*refused);
  return controller.plan(request.body, file_name(request), change.pace);
}

Answer drain_limit(Controller& controller, const Request& request) {
  const std::string text = param(request, "limit_ms");
  uint64_t limit_ms = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit_ms);
  if (error == std::errc::result_out_of_range) limit_ms = UINT64_MAX;
  if (error == std::errc::invalid_argument || end != text.data() + text.size()) {
    return refusal(
        Fault::invalid,
        fmt::format("limit_ms: found {}, allowed is a whole number of milliseconds, 0 for "
                    "no limit",
                    quote(text)));
  }
  return controller.drain_limit(request.http.matches[1].str(), limit_ms);
}

Answer split(Controller& controller, const Request& request) {
  ChangeRequest change;
  if (auto refused = read_change(request, change)) return std::move(*refused);

  constexpr const char* kAllowed =
      R"(allowed is a JSON object of texts such as {"canary": "5%", "baseline": "match"})";
  if (request.body.size() > kMaxSplitBytes) {
    return refusal(Fault::invalid, fmt::format("found a body of {} bytes, {} of at most {} bytes",
                                               request.body.size(), kAllowed, kMaxSplitBytes));
  }
  const json body = json::parse(request.body, nullptr, false);
  if (!body.is_object()) {
    return refusal(Fault::invalid, fmt::format("found a body that is no such thing, {}", kAllowed));
  }
  std::vector<std::string> words;
  for (const auto& [pool, share] : body.items()) {
    if (!share.is_string()) {
      return refusal(Fault::invalid, fmt::format("{}: found {}, {}", pool, share.dump(), kAllowed));
    }
    words.push_back(pool + "=" + share.get<std::string>());
  }
  return controller.split(request.http.matches[1].str(), words, change);
}

Answer set_backend(Controller& controller, const Request& request) {
  ChangeRequest change;
  if (auto refused = read_change(request, change)) return std::move(*refused);
  const std::string address = request.http.matches[1].str();
  const std::string verb = request.http.matches[2].str();
  const std::string service = param(request, "service");
  if (service.empty() && request.http.has_param("service")) {
    return refusal(
        Fault::invalid,
        "service: found \"\", allowed is a service's name; leave it out for all of them");
  }
  if (verb == "disable" && change.pace == Pace::gentle) {
    return refusal(
        Fault::invalid,
        "found disable with pace=gentle: it takes a backend from its connections at once; "
        "drain lets them end");
  }
  return controller.set_backend({address, verb, service, change.pace});
}

Answer explain(Controller& controller, const Request& request) {
  if (!request.http.has_param("flow")) {
    return refusal(Fault::invalid,
                   "no flow in the query; write /v1/explain?flow=SRC:PORT%3EVIP:PORT/tcp");
  }
  return controller.explain(param(request, "flow"));
}

const std::vector<Endpoint>& endpoints() {
  using C = Controller;
  using R = Request;
  static const std::vector<Endpoint> all = {
      {"GET", "/v1/status", "/v1/status", [](C& c, const R&) { return c.status(); }},
      {"GET", "/v1/stats", "/v1/stats", [](C& c, const R&) { return c.stats(); }},
      {"GET", "/v1/services", "/v1/services", [](C& c, const R&) { return c.services(); }},
      {"GET", "/v1/pools", "/v1/pools", [](C& c, const R&) { return c.pools(); }},
      {"GET", "/v1/backends", "/v1/backends", [](C& c, const R&) { return c.backends(); }},
      {"GET", "/v1/explain", "/v1/explain?flow=FLOW", explain, {"flow"}},
      {"GET", "/v1/drains", "/v1/drains", [](C& c, const R&) { return c.drains(); }},
      {"POST", "/v1/apply", "/v1/apply", apply, {"file", "pace", "break_connections"}},
      {"POST", "/v1/plan", "/v1/plan", plan, {"file", "pace"}},
      {"POST",
       "/v1/services/([^/]+)/split",
       "/v1/services/NAME/split",
       split,
       {"pace", "break_connections"}},
      {"POST",
       "/v1/services/([^/]+)/drain-limit",
       "/v1/services/NAME/drain-limit?limit_ms=N",
       drain_limit,
       {"limit_ms"}},
      {"POST",
       "/v1/backends/([^/]+)/(drain|undrain|disable)",
       "/v1/backends/ADDRESS/drain|undrain|disable?service=NAME",
       set_backend,
       {"service", "pace"}},
      {"POST", "/v1/services/([^/]+)/release", "/v1/services/NAME/release",
       [](C& c, const R& r) { return c.release(r.http.matches[1].str()); }},
  };
  return all;
}

int status_of(Fault fault) {
  switch (fault) {
    case Fault::none:
      return 200;
    case Fault::invalid:
      return 400;
    case Fault::not_found:
      return 404;
    case Fault::conflict:
      return 409;
    case Fault::failed:
      break;
  }
  return 500;
}

void write(httplib::Response& response, int status, const json& body) {
  response.status = status;
  // Names in a body may be any bytes that somebody sent; JSON is UTF-8.
  response.set_content(body.dump(2, ' ', false, json::error_handler_t::replace) + "\n",
                       "application/json");
}

void answer(httplib::Response& response, const Answer& answer) {
  const json errors = {{"errors", answer.errors}};
  write(response, status_of(answer.fault), answer.fault == Fault::none ? answer.body : errors);
}

void write_error(httplib::Response& response, int status, const std::string& sentence) {
  write(response, status, {{"errors", {sentence}}});
}

// For what reached no handler: an unknown path, another method.
void explain_error(const httplib::Request& request, httplib::Response& response) {
  if (!response.body.empty()) return;
  int status = response.status;
  std::string known, sentence;
  for (const Endpoint& endpoint : endpoints()) {
    if (status == 404 && std::regex_match(request.path, std::regex(endpoint.pattern))) {
      status = 405;
      sentence =
          fmt::format("found {} {}, allowed is {}", request.method, request.path, endpoint.method);
      response.set_header("Allow", endpoint.method);
    }
    known += fmt::format("{}{} {}", known.empty() ? "" : ", ", endpoint.method, endpoint.text);
  }
  if (status == 404) sentence = fmt::format("no {} here; there are {}", request.path, known);
  if (sentence.empty()) sentence = fmt::format("the request cannot be read (status {})", status);
  write_error(response, status, sentence);
}

void refuse_length(httplib::Response& response) {
  write_error(response, 413, fmt::format("the body is longer than {} bytes", kMaxConfigBytes));
}

// What nobody will use is not read at all: httplib would read it to its end, however slowly it
// comes. True where the request is answered.
bool refuse_unread(const httplib::Request& request, httplib::Response& response) {
  const std::string method = request.method == "HEAD" ? "GET" : request.method;
  const bool known = std::any_of(endpoints().begin(), endpoints().end(), [&](const Endpoint& each) {
    return method == each.method && std::regex_match(request.path, std::regex(each.pattern));
  });
  if (!known) {
    response.status = 404;
    explain_error(request, response);
    return true;
  }
  if (request.get_header_value<uint64_t>("Content-Length") <= kMaxBodyBytes) return false;
  refuse_length(response);
  return true;
}

// Of a body that was not read whole; httplib says 400 of most of them.
void refuse_body(httplib::Response& response, size_t bytes, bool is_late, milliseconds limit) {
  if (bytes > kMaxBodyBytes) {
    refuse_length(response);
  } else if (is_late) {
    write_error(response, 408,
                fmt::format("the body took longer than {} seconds; send it whole",
                            static_cast<double>(limit.count()) / 1000));
  } else if (response.status <= 400) {
    write_error(
        response, 400,
        fmt::format(
            "the body is not whole: its chunks are malformed, or it stood still for {} seconds",
            kReadSeconds));
  }
}

// A key with a letter wrong would mean a change made otherwise than was asked for.
std::optional<Answer> refuse_query(const Endpoint& endpoint, const httplib::Request& request) {
  for (const auto& [key, value] : request.params) {
    if (std::ranges::find(endpoint.keys, key) != endpoint.keys.end()) continue;
    return refusal(
        Fault::invalid,
        fmt::format(
            "found {} in the query, allowed is {}", quote(key),
            endpoint.keys.empty() ? "none" : fmt::format("{}", fmt::join(endpoint.keys, ", "))));
  }
  return std::nullopt;
}

Answer handle(const Endpoint& endpoint, Controller& controller, const Request& request) {
  if (auto refusal = refuse_query(endpoint, request.http)) return std::move(*refusal);
  return endpoint.handler(controller, request);
}

void add_route(httplib::Server& server, const Endpoint& endpoint, Controller& controller,
               milliseconds body_limit) {
  if (std::strcmp(endpoint.method, "GET") == 0) {
    server.Get(endpoint.pattern, [&](const httplib::Request& request, httplib::Response& response) {
      answer(response, handle(endpoint, controller, {request, ""}));
    });
    return;
  }
  // With a reader of its own: httplib takes curl's default type of body for a form, and allows it 8
  // KiB.
  server.Post(endpoint.pattern, [&, body_limit](const httplib::Request& request,
                                                httplib::Response& response,
                                                const httplib::ContentReader& read) {
    Request with_body{request, ""};
    const auto deadline = Clock::now() + body_limit;
    const bool whole = read([&](const char* data, size_t bytes) {
      with_body.body.append(data, bytes);
      return with_body.body.size() <= kMaxBodyBytes && Clock::now() < deadline;
    });
    if (whole) {
      answer(response, handle(endpoint, controller, with_body));
    } else {
      refuse_body(response, with_body.body.size(), Clock::now() >= deadline, body_limit);
    }
  });
}

void make_directory(const std::string& socket_path) {
  const auto directory = std::filesystem::path(socket_path).parent_path();
  if (directory.empty()) return;
  std::error_code error;
  if (std::filesystem::create_directories(directory, error)) chmod(directory.c_str(), 0755);
  if (error) {
    throw Error(fmt::format("cannot make {} for the socket: {}; pass another --socket",
                            directory.string(), error.message()));
  }
}

// Cuts what clients still send or read, so that none of them holds up the end longer than it may:
// connections have the path of the socket that they were accepted on.
void end_connections(const std::string& path) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    sockaddr_un address{};
    socklen_t bytes = sizeof address;
    const int fd = std::atoi(entry.path().filename().c_str());
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &bytes) == 0 &&
        address.sun_family == AF_UNIX && path == address.sun_path) {
      (void)shutdown(fd, SHUT_RDWR);
    }
  }
}

// Takes away a socket that nobody listens on, and nothing else.
void clear_path(const std::string& path) {
  const int error = connect_once(path);
  if (error == 0) {
    throw Error(
        fmt::format("another belkad listens on {}; stop it, or pass another --socket", path));
  }
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) return;
  if (!S_ISSOCK(status.st_mode)) {
    throw Error(fmt::format("{} is there and is no socket; pass another --socket", path));
  }
  if (unlink(path.c_str()) != 0) {
    throw Error(fmt::format("cannot replace {}: {}; run as root", path, std::strerror(errno)));
  }
}

}  // namespace

struct Api::Impl {
  std::string path;
  Limits limits;
  httplib::Server server;
  std::atomic<bool> ended{false};
  std::thread thread;
};

Api::Api(std::string socket_path, const Limits& limits) : impl_(std::make_unique<Impl>()) {
  impl_->path = std::move(socket_path);
  impl_->limits = limits;
  clear_path(impl_->path);
  make_directory(impl_->path);
  httplib::Server& server = impl_->server;
  server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server.set_address_family(AF_UNIX);
  server.set_payload_max_length(kMaxBodyBytes);
  // What is left of a request that was refused must never be taken for the next one.
  server.set_keep_alive_max_count(1);
  server.set_keep_alive_timeout(1);  // until a request begins
  server.set_read_timeout(kReadSeconds);
  // The kernel makes the socket's file with the mode of the descriptor (Linux, unix_bind), so it is
  // never open to others, not even for a moment.
  server.set_socket_options([](socket_t fd) { fchmod(fd, 0600); });
  server.set_pre_routing_handler([](const httplib::Request& request, httplib::Response& response) {
    return refuse_unread(request, response) ? httplib::Server::HandlerResponse::Handled
                                            : httplib::Server::HandlerResponse::Unhandled;
  });
  // Before a client with `Expect: 100-continue` is told to send on. 100: it is.
  server.set_expect_100_continue_handler(
      [](const httplib::Request& request, httplib::Response& response) {
        return refuse_unread(request, response) ? response.status : 100;
      });
  server.set_error_handler(explain_error);
  if (!server.bind_to_port(impl_->path, 80)) {
    throw Error(fmt::format("cannot listen on {}: {}; run as root, or pass another --socket",
                            impl_->path, std::strerror(errno)));
  }
}

void Api::serve(Controller& controller) {
  for (const Endpoint& endpoint : endpoints())
    add_route(impl_->server, endpoint, controller, impl_->limits.body);
  impl_->thread = std::thread([impl = impl_.get()] {
    impl->server.listen_after_bind();
    impl->ended = true;
  });
  // A server that is stopped before it runs would never stop.
  while (!impl_->server.is_running() && !impl_->ended) std::this_thread::sleep_for(kLook);
}

// A change that is under way will be in force, so who asked for it is to hear that.
Api::~Api() {
  // One that never served has no thread; its descriptor goes with the process.
  if (!impl_->thread.joinable()) {
    unlink(impl_->path.c_str());
    return;
  }
  impl_->server.stop();
  const auto deadline = Clock::now() + impl_->limits.end;
  while (!impl_->ended && Clock::now() < deadline) std::this_thread::sleep_for(kLook);
  if (!impl_->ended) end_connections(impl_->path);
  impl_->thread.join();
  unlink(impl_->path.c_str());
}

}  // namespace belka
