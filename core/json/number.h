// JSON numbers without loss where the machine has none: 64-bit integers of either sign, doubles for the rest.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::json {

class Number {
 public:
  Number() = default;
  static Number of(std::int64_t value) noexcept;
  static Number of(std::uint64_t value) noexcept;
  static Number of(double value) noexcept;  // finite

  // `text` follows RFC 8259's grammar of a number. An integer outside 64 bits becomes the nearest double; what is too
  // large for a double becomes the largest one of its sign, what is too small zero.
  static Number parse(std::string_view text) noexcept;

  double to_double() const noexcept;
  std::optional<std::int64_t> to_integer() const noexcept;  // also for 3.0; nothing for a fraction or out of range
  bool is_double() const noexcept { return kind_ == Kind::kDouble; }

  // By mathematical value: 1 equals 1.0, 0 equals -0.0, 9007199254740993 differs from 9007199254740992.0.
  friend std::strong_ordering operator<=>(const Number& a, const Number& b) noexcept;
  friend bool operator==(const Number& a, const Number& b) noexcept { return (a <=> b) == std::strong_ordering::equal; }

  // The shortest JSON text that reads back as the same number; a double keeps a fraction or an exponent.
  void append_to(std::string& out) const;

 private:
  enum class Kind : unsigned char { kSigned, kUnsigned, kDouble };
  Kind kind_ = Kind::kSigned;
  union {
    std::int64_t signed_ = 0;
    std::uint64_t unsigned_;
    double double_;
  };
};

}  // namespace penstock::json
