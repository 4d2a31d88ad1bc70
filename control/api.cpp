// SPDX-License-Identifier: Apache-2.0
#include "control/api.h"

#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <regex>
#include <thread>

#include "control/api_endpoints.h"
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
constexpr size_t kThreads = 4;
constexpr milliseconds kLook{1};
constexpr int kReadSeconds = 5;  // between two pieces of a request

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
  if (sentence.empty())
    sentence = fmt::format("the request cannot be read (status {}); ask as curl --unix-socket does",
                           status);
  write_error(response, status, sentence);
}

void refuse_length(httplib::Response& response) {
  write_error(response, 413,
              fmt::format("found a body of more than {} bytes, allowed are so many; give "
                          "services a Belka of their own",
                          kMaxConfigBytes));
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
  // httplib would read one until the client ends the connection.
  const bool has_end =
      request.has_header("Content-Length") || request.has_header("Transfer-Encoding");
  if (method == "POST" && !has_end) {
    write_error(response, 411,
                "found a POST without a Content-Length, allowed is one with; give an empty body, "
                "as curl -d '' does");
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
ApiRequest request_of(const httplib::Request& http) {
  ApiRequest request{.query = http.params, .words = {}, .body = ""};
  for (size_t i = 1; i < http.matches.size(); ++i) request.words.push_back(http.matches[i].str());
  return request;
}

void add_route(httplib::Server& server, const Endpoint& endpoint, Controller& controller,
               milliseconds body_limit) {
  if (std::strcmp(endpoint.method, "GET") == 0) {
    server.Get(endpoint.pattern, [&](const httplib::Request& request, httplib::Response& response) {
      answer(response, handle(endpoint, controller, request_of(request)));
    });
    return;
  }
  // With a reader of its own: httplib takes curl's default type of body for a form, and allows it 8
  // KiB.
  server.Post(endpoint.pattern, [&, body_limit](const httplib::Request& request,
                                                httplib::Response& response,
                                                const httplib::ContentReader& read) {
    ApiRequest with_body = request_of(request);
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
