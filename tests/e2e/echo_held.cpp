// SPDX-License-Identifier: Apache-2.0
// Long-lived TCP connections that echo a number every 100 ms, thousands of them at that pace.
//
//   echo_held serve NAME PORT                  answers each number with itself and NAME
//   echo_held hold ADDRESS PORT COUNT READY    COUNT connections until SIGTERM
//
// hold makes the file READY when every connection has had an answer, or is lost. At its end, and at
// each SIGUSR1, it prints one JSON object. Lost is a connection that ended, or had no answer for
// 20 s; moved is one that another server answered, or that got another number than it had sent. It
// exits with 1 where there was one. Times are ms since it began (age_ms: now); late_ms is what the
// machine kept it waiting, in all.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr int64_t kMsNs = 1'000'000;
constexpr int64_t kEveryNs = 100 * kMsNs;
constexpr int64_t kAnswerNs = 20'000 * kMsNs;  // TCP repairs what a kill lost within seconds
constexpr int kLookMs = 2;
constexpr int64_t kLateMs = 50;
constexpr size_t kEvents = 256;

volatile std::sig_atomic_t stopped = 0;
volatile std::sig_atomic_t asked = 0;

struct Answer {
  uint64_t number = 0;
  char server[8] = {};
};

int64_t now_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

void require(bool held, const char* what) {
  if (!held) throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

/// Whole values out of a stream of bytes.
template <typename Value>
class Inbox {
 public:
  /// False: the connection ended.
  bool receive(int fd) {
    errno = 0;
    const ssize_t count = recv(fd, bytes_ + used_, sizeof bytes_ - used_, 0);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    used_ += static_cast<size_t>(count);
    return count > 0;
  }
  bool take(Value& value) {
    if (used_ < sizeof value) return false;
    std::memcpy(&value, bytes_, sizeof value);
    used_ -= sizeof value;
    std::memmove(bytes_, bytes_ + sizeof value, used_);
    return true;
  }

 private:
  char bytes_[sizeof(Value) * 16] = {};
  size_t used_ = 0;
};

void watch(int epoll, int fd, uint32_t what, uint64_t mark) {
  epoll_event event{};
  event.events = what;
  event.data.u64 = mark;
  require(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
}

class Server {
 public:
  Server(const std::string& name, uint16_t port) : name_(name) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    const int one = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    require(bind(listener_, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0, "bind");
    require(listen(listener_, 4096) == 0, "listen");
    watch(epoll_, listener_, EPOLLIN, static_cast<uint64_t>(listener_));
  }

  void run() {
    epoll_event events[kEvents];
    while (stopped == 0) {
      const int count = epoll_wait(epoll_, events, kEvents, -1);
      for (int i = 0; i < count; i++) {
        const int fd = static_cast<int>(events[i].data.u64);
        fd == listener_ ? admit() : answer(fd);
      }
    }
  }

 private:
  void admit() {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    inboxes_[fd] = {};
    watch(epoll_, fd, EPOLLIN, static_cast<uint64_t>(fd));
  }

  void answer(int fd) {
    Inbox<uint64_t>& inbox = inboxes_[fd];
    const bool open = inbox.receive(fd);
    Answer answer;
    name_.copy(answer.server, sizeof answer.server);
    while (inbox.take(answer.number)) {
      (void)!send(fd, &answer, sizeof answer,
                  MSG_NOSIGNAL);  // a lost answer is the client's to tell
    }
    if (open) return;
    inboxes_.erase(fd);
    close(fd);
  }

  std::string name_;
  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  int listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  std::map<int, Inbox<uint64_t>> inboxes_;
};

struct Connection {
  int fd = -1;  // -1: lost
  uint64_t number = 0;
  bool waiting = false;  // for an answer, since sent_ns
  bool open = false;     // it can be written to
  int64_t sent_ns = 0;
  Inbox<Answer> inbox;
  std::string home;
};

class Holder {
 public:
  Holder(const char* address, uint16_t port, size_t count) : all_(count), begin_ns_(now_ns()) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    require(inet_pton(AF_INET, address, &to.sin_addr) == 1, "no IPv4 address");
    for (size_t i = 0; i < count; i++) {
      Connection& each = all_[i];
      each.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      require(each.fd >= 0, "socket");
      const int one = 1;
      setsockopt(each.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      const auto* peer = reinterpret_cast<const sockaddr*>(&to);
      require(connect(each.fd, peer, sizeof to) == 0 || errno == EINPROGRESS, "connect");
      each.sent_ns = begin_ns_ + static_cast<int64_t>(i) * kEveryNs / static_cast<int64_t>(count);
      watch(epoll_, each.fd, EPOLLOUT, i);
    }
  }

  /// True: none was lost, and none moved.
  bool run(const std::string& ready) {
    epoll_event events[kEvents];
    bool told = false;
    while (stopped == 0 || is_waiting()) {
      const int64_t since_ns = now_ns();
      const int count = epoll_wait(epoll_, events, kEvents, kLookMs);
      for (int i = 0; i < count; i++) handle(all_[events[i].data.u64], events[i]);
      look(now_ns());
      note_late(since_ns);
      if (!told && begun_ + lost_ >= all_.size()) told = touch(ready);
      if (asked != 0) {
        asked = 0;
        print();
      }
    }
    print();
    return lost_ == 0 && moved_ == 0 && begun_ == all_.size();
  }

 private:
  static bool touch(const std::string& path) {
    FILE* file = std::fopen(path.c_str(), "w");
    require(file != nullptr, "the file READY");
    std::fputs("ready\n", file);
    return std::fclose(file) == 0;
  }

  int64_t age_ms() const { return (now_ns() - begin_ns_) / kMsNs; }

  /// How late the machine made this loop, in all.
  void note_late(int64_t since_ns) {
    const int64_t late_ms = (now_ns() - since_ns) / kMsNs - kLookMs;
    if (late_ms > kLateMs) late_ms_ += late_ms;
  }

  bool is_waiting() const {
    return std::any_of(all_.begin(), all_.end(),
                       [](const Connection& each) { return each.fd >= 0 && each.waiting; });
  }

  void lose(Connection& each, const std::string& why) {
    close(each.fd);
    each.fd = -1;
    lost_++;
    why_[why]++;
    lost_at_[each.home]++;
    last_loss_ms_ = age_ms();
    if (first_loss_ms_ < 0) first_loss_ms_ = last_loss_ms_;
  }

  void handle(Connection& each, const epoll_event& event) {
    if (each.fd < 0) return;
    if (!each.open) return opened(each);
    if ((event.events & (EPOLLIN | EPOLLERR | EPOLLHUP)) == 0) return;
    const bool lives = each.inbox.receive(each.fd);
    const int error = errno;
    Answer answer;
    while (each.inbox.take(answer)) take(each, answer);
    if (!lives) lose(each, error == ECONNRESET ? "reset" : "ended");
  }

  void opened(Connection& each) {
    int error = 0;
    socklen_t bytes = sizeof error;
    getsockopt(each.fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
    if (error != 0) return lose(each, std::string("not opened: ") + std::strerror(error));
    each.open = true;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = static_cast<uint64_t>(&each - all_.data());
    require(epoll_ctl(epoll_, EPOLL_CTL_MOD, each.fd, &event) == 0, "epoll_ctl");
  }

  void take(Connection& each, const Answer& answer) {
    const std::string server(answer.server, strnlen(answer.server, sizeof answer.server));
    if (each.home.empty()) {
      each.home = server;
      servers_[server]++;
      begun_++;
    }
    if (server != each.home || answer.number != each.number || !each.waiting) moved_++;
    slowest_ns_ = std::max(slowest_ns_, now_ns() - each.sent_ns);
    each.waiting = false;
    each.number++;
    lines_++;
  }

  /// Sends what is due; what was not answered for too long is lost.
  void look(int64_t now) {
    for (Connection& each : all_) {
      if (each.fd < 0) continue;
      if (each.waiting || !each.open) {
        if (now - each.sent_ns > kAnswerNs) lose(each, "silent");
        continue;
      }
      if (stopped != 0 || now - each.sent_ns < kEveryNs) continue;
      each.waiting = true;
      each.sent_ns = now;
      // A number always fits: no other is under way.
      if (send(each.fd, &each.number, sizeof each.number, MSG_NOSIGNAL) < 0) lose(each, "not sent");
    }
  }

  static void print_counts(const char* name, const std::map<std::string, size_t>& counts) {
    std::printf(", \"%s\": {", name);
    const char* comma = "";
    for (const auto& [what, count] : counts) {
      std::printf("%s\"%s\": %zu", comma, what.c_str(), count);
      comma = ", ";
    }
    std::printf("}");
  }

  void print() const {
    const double seconds = static_cast<double>(now_ns() - begin_ns_) / 1e9;
    const double every_ms = seconds * 1e3 * static_cast<double>(all_.size()) /
                            static_cast<double>(std::max<uint64_t>(lines_, 1));
    std::printf("{\"begun\": %zu, \"lost\": %zu, \"moved\": %zu, \"lines\": %lu", begun_, lost_,
                moved_, lines_);
    std::printf(", \"every_ms\": %.0f, \"slowest_ms\": %ld, \"first_loss_ms\": %ld", every_ms,
                slowest_ns_ / kMsNs, first_loss_ms_);
    std::printf(", \"last_loss_ms\": %ld, \"age_ms\": %ld, \"late_ms\": %ld", last_loss_ms_,
                age_ms(), late_ms_);
    print_counts("servers", servers_);
    print_counts("lost_at", lost_at_);
    print_counts("why", why_);
    std::printf("}\n");
    std::fflush(stdout);
  }

  std::vector<Connection> all_;
  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  int64_t begin_ns_;
  size_t begun_ = 0, lost_ = 0, moved_ = 0;
  uint64_t lines_ = 0;
  int64_t slowest_ns_ = 0, first_loss_ms_ = -1, last_loss_ms_ = -1, late_ms_ = 0;
  std::map<std::string, size_t> servers_, lost_at_, why_;
};

int run(const std::vector<std::string>& words) {
  if (words.size() == 3 && words[0] == "serve") {
    Server(words[1], static_cast<uint16_t>(std::stoul(words[2]))).run();
    return 0;
  }
  if (words.size() == 5 && words[0] == "hold") {
    Holder holder(words[1].c_str(), static_cast<uint16_t>(std::stoul(words[2])),
                  std::stoul(words[3]));
    return holder.run(words[4]) ? 0 : 1;
  }
  std::fprintf(stderr,
               "usage: echo_held serve NAME PORT\n"
               "       echo_held hold ADDRESS PORT COUNT READY\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  struct sigaction action {};
  action.sa_handler = [](int) { stopped = 1; };  // no SA_RESTART: waits return
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  action.sa_handler = [](int) { asked = 1; };
  sigaction(SIGUSR1, &action, nullptr);
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "echo_held: %s\n", error.what());
    return 1;
  }
}
