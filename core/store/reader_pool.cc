#include "core/store/reader_pool.h"

#include <algorithm>
#include <utility>

namespace penstock::store {

ReaderPool::ReaderPool(const std::filesystem::path& path, int size, std::chrono::milliseconds timeout)
    : timeout_(timeout) {
  for (int i = 0; i < std::max(size, 1); ++i)
    idle_.push_back(std::make_unique<Connection>(path, Connection::Mode::kReadOnly, timeout));
}

ReaderPool::Lease::Lease(ReaderPool& owner) : pool(owner) {
  const auto deadline = std::chrono::steady_clock::now() + pool.timeout_;
  std::unique_lock lock(pool.mutex_);
  if (!pool.returned_.wait_until(lock, deadline, [&] { return !pool.idle_.empty(); })) {
    throw Error(ErrorKind::kTimeout, "reading the history: all readers are busy");
  }
  connection = std::move(pool.idle_.back());
  pool.idle_.pop_back();
  connection->set_deadline(deadline);
}

ReaderPool::Lease::~Lease() {
  connection->set_deadline(std::nullopt);
  {
    std::lock_guard lock(pool.mutex_);
    pool.idle_.push_back(std::move(connection));  // within capacity: it came from here
  }
  pool.returned_.notify_one();
}

}  // namespace penstock::store
