// A bounded number of read-only connections.
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <vector>

#include "core/store/sqlite.h"

namespace penstock::store {

// Thread-safe.
class ReaderPool {
 public:
  ReaderPool(const std::filesystem::path& path, int size, std::chrono::milliseconds timeout);

  // Waits for what is being read and closes all connections; meanwhile, and until open(), reading is
  // Error{kUnavailable}. Error{kTimeout} when a read does not end; then the next call goes on where this one stopped.
  void close();
  void open();

  // Runs `read` in one transaction (a single moment of the history) on a connection that is free. Waiting for one and
  // reading share the timeout: Error{kTimeout}.
  template <typename Read>
  auto run(Read&& read) {
    Lease lease(*this);
    Transaction transaction(*lease.connection, Transaction::Kind::kRead);
    return read(*lease.connection);
  }

 private:
  struct Lease {
    explicit Lease(ReaderPool& owner);
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease();
    ReaderPool& pool;
    std::unique_ptr<Connection> connection;
  };

  const std::filesystem::path path_;
  const std::size_t size_;
  const std::chrono::milliseconds timeout_;
  std::mutex mutex_;  // guards the rest
  std::condition_variable returned_;
  bool closed_ = false;
  std::vector<std::unique_ptr<Connection>> idle_;
};

}  // namespace penstock::store
