// What all connections of a listener have in common. Internal to this module.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "core/listener/listener.h"
#include "core/listener/request_head.h"
#include "core/listener/router.h"

namespace penstock::listener {

// Threads for handlers that block. Thread-safe.
class BlockingPool {
 public:
  BlockingPool(int threads, std::size_t max_waiting);
  ~BlockingPool();  // finishes what it took
  // False when too much is waiting.
  bool submit(std::function<void()> task);

 private:
  void run(const std::stop_token& stop);

  const std::size_t max_waiting_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::function<void()>> tasks_;  // guarded by mutex_
  std::vector<std::jthread> threads_;
};

// How many connections each address has. Thread-safe.
class AddressCounts {
 public:
  // False when the address has that many already.
  bool add(const std::string& address, std::size_t limit);
  void remove(const std::string& address);

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::size_t> counts_;
};

// Responses that are written piece by piece, each on a thread of its own. Thread-safe.
class Streams {
 public:
  explicit Streams(std::size_t limit) : limit_(limit) {}
  ~Streams();
  // False when there are too many.
  bool start(std::function<void()> work);

 private:
  struct Stream {
    std::thread thread;
    std::atomic<bool> done{false};
  };
  const std::size_t limit_;
  std::mutex mutex_;
  std::list<Stream> streams_;  // guarded by mutex_
};

struct Route {
  Listener::Handler handler;  // one of the two
  Listener::AsyncHandler async;
};

struct Shared {
  Shared(Listener::Options from, const Clock& with_clock, const telemetry::Log& to_log)
      : options(std::move(from)),
        clock(with_clock),
        log(to_log),
        streams(options.max_streams),
        pool(options.threads, options.max_waiting) {}

  const Listener::Options options;
  const Clock& clock;
  const telemetry::Log& log;
  const HeadLimits head_limits;
  std::optional<TlsContext> tls;
  Router router;
  std::vector<Route> routes;
  AddressCounts addresses;
  std::atomic<bool> draining{false};
  std::atomic<std::uint64_t> buffered_bytes{0};
  std::atomic<std::uint64_t> open{0}, accepted{0}, requests{0}, refused_connections{0};
  std::atomic<std::uint64_t> failed_handshakes{0}, bad_requests{0}, timeouts{0}, overloaded{0};
  Streams streams;  // these two end first: what runs in them uses the rest
  BlockingPool pool;
};

}  // namespace penstock::listener
