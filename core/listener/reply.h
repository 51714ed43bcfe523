// How an answer gets from whatever thread made it back to the loop that owns the connection.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/handle.h"
#include "core/listener/message.h"

namespace penstock::listener {

// What is brought to a loop from other threads. Thread-safe; may outlive its loop.
class Inbox {
 public:
  struct Message {
    std::uint64_t connection = 0;
    std::uint64_t sequence = 0;  // which request of the connection
    enum class Kind { kReply, kPiece, kLastPiece, kBrokenOff, kTask } kind = Kind::kTask;
    Response response;
    std::string piece;
    std::function<void()> task;
  };

  Inbox();
  // False after close(): nobody will look at it.
  bool post(Message message);
  // All that came since; also resets the wake-up. Of the loop only.
  void take(std::vector<Message>& messages);
  void close();
  int wake_fd() const noexcept { return event_.get(); }

 private:
  UniqueFd event_;
  std::mutex mutex_;
  std::vector<Message> messages_;  // guarded by mutex_, as is the next
  bool closed_ = false;
};

// The right to answer one request, once, from any thread, without blocking. The first send() counts. When nobody sends,
// the client is asked to come again (503) as soon as the last copy is gone; when it takes too long, the connection has
// answered 503 and a late answer is dropped.
class Reply {
 public:
  Reply(std::shared_ptr<Inbox> inbox, std::uint64_t connection, std::uint64_t sequence, std::string request_id)
      : state_(std::make_shared<State>(std::move(inbox), connection, sequence, std::move(request_id))) {}
  void send(Response response) const { state_->send(std::move(response)); }
  const std::string& request_id() const noexcept { return state_->request_id; }

 private:
  struct State {
    State(std::shared_ptr<Inbox> to, std::uint64_t connection_id, std::uint64_t request, std::string id)
        : inbox(std::move(to)), connection(connection_id), sequence(request), request_id(std::move(id)) {}
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State();
    void send(Response response);

    const std::shared_ptr<Inbox> inbox;
    const std::uint64_t connection, sequence;
    const std::string request_id;
    std::atomic<bool> sent{false};
  };
  std::shared_ptr<State> state_;
};

}  // namespace penstock::listener
