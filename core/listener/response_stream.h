// A response that is written piece by piece, on a thread of its own, by whoever makes it.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "core/listener/message.h"
#include "core/listener/reply.h"

namespace penstock::listener {

// Between the thread that writes and the connection that sends: at most kMaxUnsent bytes are on their way. Thread-safe.
class StreamGate {
 public:
  static constexpr std::size_t kMaxUnsent = 256u << 10;
  // Blocks until there is room; false when the connection is gone.
  bool wait_for_room(std::size_t bytes);
  void release(std::size_t bytes);
  void close();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t unsent_ = 0;  // guarded by mutex_, as is the next
  bool closed_ = false;
};

// What the thread has to do: calls `write_pieces` (Response::stream) until it has no more or the client is gone, and
// posts each piece, then kLastPiece, or kBrokenOff when it threw.
std::function<void()> make_stream_work(std::shared_ptr<StreamGate> gate, std::shared_ptr<Inbox> inbox,
                                       std::uint64_t connection, std::uint64_t sequence,
                                       decltype(Response::stream) write_pieces);

}  // namespace penstock::listener
