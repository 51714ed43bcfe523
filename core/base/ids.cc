#include "core/base/ids.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <random>

#include <sys/random.h>

namespace penstock {
namespace {

std::string format_uuid(const std::array<std::uint8_t, 16>& bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text.push_back('-');
    text.push_back(kDigits[bytes[i] >> 4]);
    text.push_back(kDigits[bytes[i] & 15]);
  }
  return text;
}

// Random bytes for ids, fetched many at a time: a system call for each would cost more than the rest of an id.
void fill_for_id(std::span<std::byte> bytes) {
  struct Pool {
    std::array<std::byte, 1024> bytes;
    std::size_t used = 1024;
  };
  thread_local Pool pool;
  if (pool.used + bytes.size() > pool.bytes.size()) {
    fill_random(pool.bytes);
    pool.used = 0;
  }
  std::copy_n(pool.bytes.begin() + static_cast<std::ptrdiff_t>(pool.used), bytes.size(), bytes.begin());
  pool.used += bytes.size();
}

// RFC 9562 section 6.2, method 1: the 12 bits after the version are a counter within the millisecond.
class Sequence {
 public:
  struct Position {
    std::uint64_t milliseconds;
    std::uint16_t counter;
  };
  Position next(std::uint64_t now) {
    std::lock_guard lock(mutex_);
    if (now > milliseconds_) {
      milliseconds_ = now;
      std::array<std::byte, 1> start{};
      fill_for_id(start);
      counter_ = static_cast<std::uint16_t>(start[0]);  // leaves at least 3,840 ids in this millisecond
    } else if (++counter_ > 0x0fff) {
      ++milliseconds_;
      counter_ = 0;
    }
    return {milliseconds_, counter_};
  }

 private:
  std::mutex mutex_;
  std::uint64_t milliseconds_ = 0;
  std::uint16_t counter_ = 0;
};

bool is_hex(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

}  // namespace

void fill_random(std::span<std::byte> buffer) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const ssize_t got = ::getrandom(buffer.data() + filled, buffer.size() - filled, 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      std::abort();  // a kernel without getrandom cannot run this program safely
    }
    filled += static_cast<std::size_t>(got);
  }
}

std::string make_uuid_v7(const Clock& clock) {
  // The order of ids is a promise of the whole process, so the sequence is the process's.
  static Sequence sequence;
  const Sequence::Position position = sequence.next(static_cast<std::uint64_t>(to_milliseconds(clock.now())));
  std::array<std::uint8_t, 16> bytes{};
  fill_for_id(std::as_writable_bytes(std::span(bytes)));
  for (int i = 0; i < 6; ++i)
    bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(position.milliseconds >> (40 - 8 * i));
  bytes[6] = static_cast<std::uint8_t>(0x70 | (position.counter >> 8));
  bytes[7] = static_cast<std::uint8_t>(position.counter);
  bytes[8] = static_cast<std::uint8_t>(0x80 | (bytes[8] & 0x3f));
  return format_uuid(bytes);
}

std::optional<Timestamp> time_of_uuid_v7(std::string_view id) noexcept {
  if (!is_uuid(id) || id[14] != '7') return std::nullopt;
  std::int64_t milliseconds = 0;
  for (const char c : id.substr(0, 13)) {
    if (c == '-') continue;
    milliseconds = milliseconds * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return from_milliseconds(milliseconds);
}

std::string make_uuid_v4() {
  std::array<std::uint8_t, 16> bytes{};
  fill_for_id(std::as_writable_bytes(std::span(bytes)));
  bytes[6] = static_cast<std::uint8_t>(0x40 | (bytes[6] & 0x0f));
  bytes[8] = static_cast<std::uint8_t>(0x80 | (bytes[8] & 0x3f));
  return format_uuid(bytes);
}

bool is_uuid(std::string_view text) noexcept {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !is_hex(text[i])) return false;
  }
  return true;
}

double random_unit() {
  thread_local std::mt19937_64 generator = [] {
    std::array<std::uint64_t, 2> seed{};
    fill_random(std::as_writable_bytes(std::span(seed)));
    return std::mt19937_64(seed[0] ^ seed[1]);
  }();
  return std::uniform_real_distribution<double>(0.0, 1.0)(generator);
}

}  // namespace penstock
