// SPDX-License-Identifier: Apache-2.0
// Numbered UDP packets at a steady rate, and which of them arrive.
//
//   udp_numbered send ADDRESS PORT RATE COUNT FLOWS    until COUNT or SIGTERM
//   udp_numbered receive ADDRESS PORT COUNT            until SIGTERM
//
// Each prints one JSON object at its end. Packet n is due at begin + n / RATE; one that the sender
// comes late for is sent soon after, and when it was late, and how much, is told. Flow n % FLOWS
// carries it. The receiver tells what never came, or came behind a later one more than 10 ms after
// it was sent (held), and what its own socket dropped. When a packet arrived is the kernel's word,
// so that a receiver that waits for the CPU counts as nobody's fault.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int kSocketBytes = 16 << 20;
// Of what a busy machine held up: a longer burst would overflow a veth's ring of 256.
constexpr int64_t kLongestBurst = 32;
constexpr int64_t kAfterBurstNs = 400'000;
constexpr int64_t kLateNs = 300'000;
constexpr int64_t kHeldNs = 10'000'000;

volatile std::sig_atomic_t stopped = 0;

int64_t now_ns(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return time.tv_sec * kSecondNs + time.tv_nsec;
}

/// What is sent, in this machine's byte order.
struct Payload {
  uint64_t number;
  int64_t sent_ns;  ///< CLOCK_REALTIME
};

/// When the sender woke up late, and for how long.
struct Late {
  int64_t when_ns;  ///< CLOCK_REALTIME
  int64_t late_ns;
};

struct Endpoint {
  sockaddr_storage address{};
  socklen_t bytes = 0;
};

Endpoint endpoint(const char* text, const char* port) {
  Endpoint result;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&result.address);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&result.address);
  const auto wire_port = htons(static_cast<uint16_t>(std::atoi(port)));
  if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = wire_port;
    result.bytes = sizeof *v4;
  } else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = wire_port;
    result.bytes = sizeof *v6;
  } else {
    throw std::runtime_error(std::string("no IP address: ") + text);
  }
  return result;
}

int udp_socket(const Endpoint& peer) {
  const int fd = socket(peer.address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw std::runtime_error("no UDP socket");
  return fd;
}

/// Sleeps until the first packet that is not yet due.
void sleep_until(int64_t time_ns) {
  timespec time{};
  time.tv_sec = time_ns / kSecondNs;
  time.tv_nsec = time_ns % kSecondNs;
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr);
}

void run_send(const Endpoint& to, int64_t rate, int64_t count, size_t flows) {
  std::vector<int> sockets;
  for (size_t i = 0; i < flows; i++) {
    sockets.push_back(udp_socket(to));
    if (connect(sockets[i], reinterpret_cast<const sockaddr*>(&to.address), to.bytes) != 0) {
      throw std::runtime_error("cannot connect: is there a route?");
    }
  }
  const int64_t begin_ns = now_ns(CLOCK_MONOTONIC);
  int64_t sent = 0, refused = 0;
  std::vector<Late> late;
  const auto due_ns = [&] { return begin_ns + sent * kSecondNs / rate; };
  while (sent < count && stopped == 0) {
    sleep_until(due_ns());
    const int64_t now = now_ns(CLOCK_MONOTONIC);
    if (now - due_ns() > kLateNs) late.push_back({now_ns(CLOCK_REALTIME), now - due_ns()});
    const int64_t end = std::min(count, sent + kLongestBurst);
    for (; sent < end && due_ns() <= now; sent++) {
      const Payload payload{static_cast<uint64_t>(sent), now_ns(CLOCK_REALTIME)};
      const int fd = sockets[static_cast<size_t>(sent) % flows];
      refused += send(fd, &payload, sizeof payload, 0) != sizeof payload;
    }
    if (sent == end) sleep_until(now + kAfterBurstNs);
  }
  std::printf("{\"sent\": %ld, \"refused\": %ld, \"rate\": %ld, \"late\": [", sent, refused, rate);
  const char* comma = "";
  for (const Late& each : late) {
    std::printf("%s[%.6f, %.3f]", comma, static_cast<double>(each.when_ns) / 1e9,
                static_cast<double>(each.late_ns) / 1e6);
    comma = ", ";
  }
  std::printf("]}\n");
}

/// What recvmsg says beside the packet.
struct Told {
  int64_t arrived_ns = 0;     ///< CLOCK_REALTIME
  uint32_t socket_drops = 0;  ///< of this socket, before this packet

  explicit Told(msghdr& message) {
    for (cmsghdr* each = CMSG_FIRSTHDR(&message); each; each = CMSG_NXTHDR(&message, each)) {
      if (each->cmsg_level != SOL_SOCKET) continue;
      timespec time{};
      if (each->cmsg_type == SCM_TIMESTAMPNS) {
        std::memcpy(&time, CMSG_DATA(each), sizeof time);
        arrived_ns = time.tv_sec * kSecondNs + time.tv_nsec;
      } else if (each->cmsg_type == SO_RXQ_OVFL) {
        std::memcpy(&socket_drops, CMSG_DATA(each), sizeof socket_drops);
      }
    }
  }
};

struct Arrivals {
  std::vector<int64_t> sent_ns;  ///< of those that came; 0: it did not
  std::vector<bool> held;
  int64_t received = 0, duplicates = 0, reordered = 0, deepest = 0, highest = -1;
  uint32_t socket_drops = 0;
  std::vector<std::pair<uint32_t, int64_t>> drops;  ///< how many; when the next one was sent

  explicit Arrivals(size_t count) : sent_ns(count), held(count) {}

  void note(const Payload& payload, const Told& told) {
    if (payload.number >= sent_ns.size()) return;
    received++;
    if (sent_ns[payload.number] != 0) duplicates++;
    sent_ns[payload.number] = payload.sent_ns;
    if (told.socket_drops != socket_drops) {
      drops.emplace_back(told.socket_drops - socket_drops, payload.sent_ns);
      socket_drops = told.socket_drops;
    }
    const auto place = static_cast<int64_t>(payload.number);
    if (place < highest) {
      reordered++;
      deepest = std::max(deepest, highest - place);
      held[payload.number] = told.arrived_ns - payload.sent_ns > kHeldNs;
    }
    highest = std::max(highest, place);
  }
};

/// Rows of packets that were lost or held, as [how many in a row, lost of them, when the next one
/// was sent], up to the highest that arrived.
void print_gaps(const Arrivals& arrivals) {
  const char* comma = "";
  for (size_t i = 0; static_cast<int64_t>(i) <= arrivals.highest; i++) {
    const size_t first = i;
    size_t lost = 0;
    for (; static_cast<int64_t>(i) < arrivals.highest; i++) {
      if (arrivals.sent_ns[i] != 0 && !arrivals.held[i]) break;
      lost += arrivals.sent_ns[i] == 0;
    }
    if (i == first) continue;
    std::printf("%s[%zu, %zu, %.6f]", comma, i - first, lost,
                static_cast<double>(arrivals.sent_ns[i]) / 1e9);
    comma = ", ";
  }
}

void print_drops(const Arrivals& arrivals) {
  const char* comma = "";
  for (const auto& [count, when_ns] : arrivals.drops) {
    std::printf("%s[%u, %.6f]", comma, count, static_cast<double>(when_ns) / 1e9);
    comma = ", ";
  }
}

int receiving_socket(const Endpoint& at) {
  const int fd = udp_socket(at);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kSocketBytes, sizeof kSocketBytes);
  setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
  const timeval patience{0, 100'000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&at.address), at.bytes) != 0) {
    throw std::runtime_error("cannot bind: is the address here?");
  }
  return fd;
}

void run_receive(const Endpoint& at, size_t count) {
  const int fd = receiving_socket(at);
  Arrivals arrivals(count);
  while (true) {
    Payload payload{};
    alignas(cmsghdr) char beside[256];
    iovec into{&payload, sizeof payload};
    msghdr message{};
    message.msg_iov = &into;
    message.msg_iovlen = 1;
    message.msg_control = beside;
    message.msg_controllen = sizeof beside;
    const ssize_t bytes = recvmsg(fd, &message, 0);
    if (bytes == sizeof payload) {
      arrivals.note(payload, Told(message));
    } else if (bytes < 0 && stopped != 0) {
      break;  // asked to end, and a while of silence
    }
  }
  std::printf("{\"received\": %ld, \"duplicates\": %ld, \"reordered\": %ld, \"deepest\": %ld",
              arrivals.received, arrivals.duplicates, arrivals.reordered, arrivals.deepest);
  std::printf(", \"highest\": %ld, \"gaps\": [", arrivals.highest);
  print_gaps(arrivals);
  std::printf("], \"socket_drops\": [");
  print_drops(arrivals);
  std::printf("]}\n");
}

int run(const std::vector<std::string>& words) {
  if (words.size() == 6 && words[0] == "send") {
    run_send(endpoint(words[1].c_str(), words[2].c_str()), std::stol(words[3]), std::stol(words[4]),
             std::stoul(words[5]));
  } else if (words.size() == 4 && words[0] == "receive") {
    run_receive(endpoint(words[1].c_str(), words[2].c_str()), std::stoul(words[3]));
  } else {
    std::fprintf(stderr,
                 "usage: udp_numbered send ADDRESS PORT RATE COUNT FLOWS\n"
                 "       udp_numbered receive ADDRESS PORT COUNT\n");
    return 2;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  struct sigaction action {};
  action.sa_handler = [](int) { stopped = 1; };  // no SA_RESTART: sleeps and receives return
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "udp_numbered: %s\n", error.what());
    return 1;
  }
}
