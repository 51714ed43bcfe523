#include "core/telemetry/line_writer.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <poll.h>
#include <unistd.h>

namespace penstock::telemetry {
namespace {

// A pipe that polls as writable takes so much (PIPE_BUF) without blocking.
constexpr std::size_t kPiece = 4'096;
// So much waits for no delay.
constexpr std::size_t kPlenty = 64u << 10;
constexpr std::chrono::milliseconds kPollSlice{100};

}  // namespace

LineWriter::LineWriter(Options options) : options_(std::move(options)), thread_([this] { run(); }) {}

LineWriter::~LineWriter() {
  {
    std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void LineWriter::write(std::string_view line, Urgency urgency) {
  bool wakes = false;
  {
    std::lock_guard lock(mutex_);
    if (waiting_.size() + line.size() + 1 > options_.max_waiting_bytes) {
      ++dropped_;
      return;
    }
    const bool first = waiting_.empty();
    waiting_ += line;
    waiting_ += '\n';
    const bool due = urgency == Urgency::kNow || waiting_.size() >= kPlenty;
    wakes = first || (due && !is_due_);
    is_due_ |= due;
  }
  if (wakes) changed_.notify_one();
}

void LineWriter::run() {
  std::string text;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return is_stopping_ || !waiting_.empty(); });
    changed_.wait_for(lock, options_.delay, [this] { return is_stopping_ || is_due_; });
    if (waiting_.empty() && is_stopping_) return;
    text.clear();
    text.swap(waiting_);
    is_due_ = false;
    const auto dropped = std::exchange(dropped_, 0);
    lock.unlock();
    if (dropped > 0 && options_.describe_loss) text += options_.describe_loss(dropped) + "\n";
    write_out(text);
    lock.lock();
  }
}

void LineWriter::write_out(std::string_view text) {
  while (!text.empty()) {
    if (!wait_until_writable()) return;
    auto piece = text.substr(0, kPiece);
    // Whole lines, so that others' lines on the same descriptor do not land in between.
    const auto end = piece.rfind('\n');
    if (piece.size() < text.size() && end != std::string_view::npos) piece = piece.substr(0, end + 1);
    const ssize_t written = ::write(options_.descriptor, piece.data(), piece.size());
    if (written > 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR && errno != EAGAIN) {
      return;  // nobody is there any more
    }
  }
}

bool LineWriter::wait_until_writable() {
  std::chrono::milliseconds waited_at_end{0};
  for (;;) {
    pollfd waited{.fd = options_.descriptor, .events = POLLOUT, .revents = 0};
    const int ready = ::poll(&waited, 1, static_cast<int>(kPollSlice.count()));
    if (ready > 0 || (ready < 0 && errno != EINTR)) return true;  // an error is told by the write
    if (is_stopping() && (waited_at_end += kPollSlice) >= options_.patience_at_end) return false;
  }
}

bool LineWriter::is_stopping() {
  std::lock_guard lock(mutex_);
  return is_stopping_;
}

}  // namespace penstock::telemetry
