#include "core/listener/shared.h"

#include <algorithm>

namespace penstock::listener {

BlockingPool::BlockingPool(int threads, std::size_t max_waiting) : max_waiting_(max_waiting) {
  for (int i = 0; i < std::max(1, threads); ++i) {
    threads_.emplace_back([this](const std::stop_token& stop) { run(stop); });
  }
}

BlockingPool::~BlockingPool() {
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
}

bool BlockingPool::submit(std::function<void()> task) {
  {
    std::lock_guard lock(mutex_);
    if (tasks_.size() >= max_waiting_) return false;
    tasks_.push_back(std::move(task));
  }
  changed_.notify_one();
  return true;
}

void BlockingPool::run(const std::stop_token& stop) {
  for (;;) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, stop, [this] { return !tasks_.empty(); });
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

bool AddressCounts::add(const std::string& address, std::size_t limit) {
  std::lock_guard lock(mutex_);
  std::size_t& count = counts_[address];
  if (count >= limit) return false;
  ++count;
  return true;
}

void AddressCounts::remove(const std::string& address) {
  std::lock_guard lock(mutex_);
  const auto found = counts_.find(address);
  if (found != counts_.end() && --found->second == 0) counts_.erase(found);
}

Streams::~Streams() {
  for (Stream& stream : streams_) stream.thread.join();
}

bool Streams::start(std::function<void()> work) {
  std::lock_guard lock(mutex_);
  for (auto stream = streams_.begin(); stream != streams_.end();) {
    if (stream->done) {
      stream->thread.join();
      stream = streams_.erase(stream);
    } else {
      ++stream;
    }
  }
  if (streams_.size() >= limit_) return false;
  Stream& stream = streams_.emplace_back();
  stream.thread = std::thread([&stream, work = std::move(work)] {
    work();
    stream.done = true;
  });
  return true;
}

}  // namespace penstock::listener
