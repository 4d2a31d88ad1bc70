// SPDX-License-Identifier: Apache-2.0
#include "tests/planes/mbuf_executor.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <iterator>

#include "control/error.h"
#include "dataplane/burst.h"
#include "dataplane/tables.h"
#include "tests/planes/eal.h"

namespace belka {
namespace {

/// The buffer of one frame. DPDK gives it back through shared.free_cb.
struct Buffer {
  std::unique_ptr<uint8_t[]> bytes;
  uint32_t size = 0;
  rte_mbuf_ext_shared_info shared{};
  bool freed = false;

  static void give_back(void*, void* self) {
    auto* buffer = static_cast<Buffer*>(self);
    if (buffer->freed) throw Error("a packet was freed twice");
    buffer->freed = true;
    buffer->bytes.reset();
  }
};

class BurstExecutor : public Executor {
 public:
  BurstExecutor() {
    start_eal();
    pool_ = rte_pktmbuf_pool_create("belka_vectors", 255, 0, 0, 0, SOCKET_ID_ANY);
    if (!pool_) throw Error(fmt::format("no pool of packets: {}", rte_strerror(rte_errno)));
  }
  BurstExecutor(const BurstExecutor&) = delete;
  BurstExecutor& operator=(const BurstExecutor&) = delete;
  ~BurstExecutor() override { rte_mempool_free(pool_); }

  const struct tables* tables() const override { return tables_.view(); }

  std::vector<Outcome> run(std::span<const Bytes> frames, const Conditions& conditions) override {
    std::vector<Outcome> outcomes;
    while (!frames.empty()) {
      const size_t count = std::min<size_t>(frames.size(), kBurstPackets);
      run_burst(frames.first(count), conditions, outcomes);
      frames = frames.subspan(count);
    }
    return outcomes;
  }

 private:
  rte_mbuf* receive(const Bytes& frame, uint32_t headroom_bytes, Buffer& buffer) {
    buffer.size = headroom_bytes + static_cast<uint32_t>(frame.size());
    buffer.bytes.reset(new uint8_t[buffer.size]);
    std::ranges::copy(frame, buffer.bytes.get() + headroom_bytes);
    buffer.shared.free_cb = Buffer::give_back;
    buffer.shared.fcb_opaque = &buffer;
    rte_mbuf_ext_refcnt_set(&buffer.shared, 1);
    rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
    if (!mbuf) throw Error("packets were not freed: the pool is empty");
    rte_pktmbuf_attach_extbuf(mbuf, buffer.bytes.get(), RTE_BAD_IOVA,
                              static_cast<uint16_t>(buffer.size), &buffer.shared);
    mbuf->data_off = static_cast<uint16_t>(headroom_bytes);
    mbuf->data_len = static_cast<uint16_t>(frame.size());
    mbuf->pkt_len = mbuf->data_len;
    return mbuf;
  }

  static Bytes bytes_of(const rte_mbuf* mbuf) {
    const auto* data = rte_pktmbuf_mtod(mbuf, const uint8_t*);
    return Bytes(data, data + mbuf->data_len);
  }

  /// burst_split, then a driver that takes all or nothing, then burst_finish.
  void run_burst(std::span<const Bytes> frames, const Conditions& conditions,
                 std::vector<Outcome>& outcomes) {
    std::vector<Buffer> buffers(frames.size());
    std::vector<rte_mbuf*> mbufs;
    set_echo_buckets(tables(), conditions.echo);
    burst_->now_ns = kExecutorNowNs;
    for (size_t i = 0; i < frames.size(); i++) {
      mbufs.push_back(receive(frames[i], conditions.headroom_bytes, buffers[i]));
    }
    const uint16_t to_send = burst_split(*burst_, tables(), &tables()->counters[0], kIngressIfindex,
                                         mbufs.data(), static_cast<uint16_t>(mbufs.size()));
    const uint16_t sent = conditions.transmit_full ? 0 : to_send;
    const std::vector<rte_mbuf*> taken(burst_->transmit, burst_->transmit + sent);
    std::vector<Outcome> now;
    for (size_t i = 0; i < frames.size(); i++) {
      now.push_back(outcome(verdict_of(mbufs[i]), mbufs[i]));
    }
    check_order(mbufs, to_send);
    burst_finish(*burst_, &tables()->counters[0], sent);
    for (rte_mbuf* mbuf : taken) rte_pktmbuf_free(mbuf);
    for (size_t i = 0; i < frames.size(); i++) {
      if (conditions.transmit_full && action_of(now[i].verdict) == ACTION_TX) {
        now[i] = {VERDICT_transmit_full, {}};
      }
      if (!buffers[i].freed) throw Error("a packet was never freed");
      outcomes.push_back(std::move(now[i]));
    }
  }

  /// What is to be sent stands in the order of arrival: a connection's packets stay in order. Echo
  /// replies go before.
  void check_order(const std::vector<rte_mbuf*>& mbufs, uint16_t to_send) const {
    std::vector<rte_mbuf*> wanted;
    std::ranges::copy_if(mbufs, std::back_inserter(wanted), [&](const rte_mbuf* mbuf) {
      return action_of(verdict_of(mbuf)) == ACTION_TX;
    });
    std::stable_partition(wanted.begin(), wanted.end(), [&](const rte_mbuf* mbuf) {
      return verdict_of(mbuf) == VERDICT_echo_replied;
    });
    if (!std::ranges::equal(wanted, std::span(burst_->transmit, to_send))) {
      throw Error("what is to be sent is not in the order of arrival");
    }
  }

  /// Passages do not stand in the order of arrival.
  enum verdict verdict_of(const rte_mbuf* mbuf) const {
    for (uint32_t i = 0; i < kBurstPackets; i++) {
      if (i >= burst_->found && i < burst_->strangers) continue;
      const Passage& passage = burst_->passage[i];
      if (passage.mbuf == mbuf) return static_cast<enum verdict>(passage.verdict);
    }
    throw Error("a packet has got lost in its burst");
  }

  static Outcome outcome(enum verdict verdict, const rte_mbuf* mbuf) {
    if (action_of(verdict) == ACTION_DROP) return {verdict, {}};
    return {verdict, bytes_of(mbuf)};
  }

  rte_mempool* pool_ = nullptr;
  Tables tables_ = Tables::create_private(0, 1);
  std::unique_ptr<Burst> burst_ = std::make_unique<Burst>();
};

}  // namespace

std::unique_ptr<Executor> make_burst_executor() { return std::make_unique<BurstExecutor>(); }

}  // namespace belka
