#include "core/store/reader_pool.h"

#include <algorithm>
#include <utility>

namespace penstock::store {
namespace {

// A statement looks at its deadline only from time to time.
constexpr std::chrono::seconds kSlack{1};

}  // namespace

ReaderPool::ReaderPool(const std::filesystem::path& path, int size, std::chrono::milliseconds timeout)
    : path_(path), size_(static_cast<std::size_t>(std::max(size, 1))), timeout_(timeout) {
  open();
}

void ReaderPool::open() {
  std::vector<std::unique_ptr<Connection>> opened;
  for (std::size_t i = 0; i < size_; ++i)
    opened.push_back(std::make_unique<Connection>(path_, Connection::Mode::kReadOnly, timeout_));
  {
    std::lock_guard lock(mutex_);
    idle_ = std::move(opened);
    closed_ = false;
  }
  returned_.notify_all();
}

void ReaderPool::close() {
  std::unique_lock lock(mutex_);
  if (closed_ && idle_.empty()) return;
  closed_ = true;
  if (!returned_.wait_for(lock, timeout_ + kSlack, [&] { return idle_.size() == size_; }))
    throw Error(ErrorKind::kTimeout, "closing the history's readers: one of them does not end");
  for (auto& connection : idle_) connection->keep_log_on_close();
  idle_.clear();
}

ReaderPool::Lease::Lease(ReaderPool& owner) : pool(owner) {
  const auto deadline = std::chrono::steady_clock::now() + pool.timeout_;
  std::unique_lock lock(pool.mutex_);
  bool free = pool.returned_.wait_until(lock, deadline, [&] { return pool.closed_ || !pool.idle_.empty(); });
  if (pool.closed_)
    throw Error(ErrorKind::kUnavailable, "reading the history: it is being reopened after a failure of the disk");
  if (!free) throw Error(ErrorKind::kTimeout, "reading the history: all readers are busy");
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
  pool.returned_.notify_all();  // of those who wait, one may be close()
}

}  // namespace penstock::store
