// Writes lines to a file descriptor from a thread of its own, so that no caller waits for whoever reads it: a terminal,
// a pipe, the journal.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace penstock::telemetry {

// Thread-safe.
class LineWriter {
 public:
  struct Options {
    int descriptor = 2;
    // How long a line may lie before it is written.
    std::chrono::milliseconds delay{100};
    // Lines beyond this are dropped while the reader does not read; then `describe_loss` makes the line that says so.
    std::size_t max_waiting_bytes = 2u << 20;
    std::function<std::string(std::uint64_t lines)> describe_loss;
    // For the reader to take anything at all, while the writer is being destroyed.
    std::chrono::milliseconds patience_at_end{1'000};
  };
  explicit LineWriter(Options options);
  // Writes what waits, as long as the reader takes it.
  ~LineWriter();

  enum class Urgency { kNone, kNow };
  // `line` without its end. Never waits for the reader.
  void write(std::string_view line, Urgency urgency);

 private:
  void run();
  void write_out(std::string_view text);
  bool wait_until_writable();
  bool is_stopping();

  const Options options_;
  std::mutex mutex_;  // guards the rest
  std::condition_variable changed_;
  std::string waiting_;
  std::uint64_t dropped_ = 0;
  bool is_due_ = false;
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace penstock::telemetry
