// One thread that waits for many sockets. Connections are made on it, live on it and end on it.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/handle.h"
#include "core/listener/connection.h"
#include "core/listener/reply.h"
#include "core/listener/shared.h"

namespace penstock::listener {

class EventLoop {
 public:
  using TimePoint = Connection::TimePoint;

  explicit EventLoop(Shared& shared);
  ~EventLoop();

  // Until stop() and all connections are gone.
  void run();
  // Runs `task` on the loop's thread, soon. Thread-safe.
  void post(std::function<void()> task);

  // The rest: on the loop's thread only.
  Shared& shared() noexcept { return shared_; }
  const std::shared_ptr<Inbox>& inbox() const noexcept { return inbox_; }
  // Takes bytes of a socket before they are sorted; all connections share it.
  std::array<char, 64u << 10>& scratch() noexcept { return scratch_; }
  // "Sun, 06 Nov 1994 08:49:37 GMT", of this second.
  std::string_view date();
  void adopt(UniqueFd socket, std::string peer_address, std::string counted_address);
  // Closes the connection that has waited longest for a request; false when none waits.
  bool close_idlest();
  // Calls `on_event` when the descriptor can be read, and `on_tick` about twice a second.
  void watch(int fd, std::function<void()> on_event, std::function<void()> on_tick);
  void pause_watching(int fd, bool pause);
  // Ends run() when the last connection is gone; those that wait for a request go now.
  void stop();

 private:
  void settle(std::uint64_t id, Connection& connection);
  template <typename Action>
  void with(std::uint64_t id, const Action& action);
  void tick();

  Shared& shared_;
  UniqueFd epoll_;
  std::shared_ptr<Inbox> inbox_;
  std::array<char, 64u << 10> scratch_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::uint64_t next_id_;
  TimePoint now_;
  TimePoint next_tick_;
  std::string date_;
  std::int64_t date_second_ = -1;
  struct Watch {
    int fd;
    std::function<void()> on_event, on_tick;
  };
  std::vector<Watch> watches_;
  bool stopping_ = false;
};

}  // namespace penstock::listener
