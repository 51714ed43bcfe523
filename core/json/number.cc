#include "core/json/number.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>

namespace penstock::json {
namespace {

// The power of ten of the first digit that is not zero: tells overflow from underflow.
std::int64_t magnitude(std::string_view text) noexcept {
  constexpr std::int64_t kFar = 1'000'000'000'000;
  const std::size_t exponent_at = text.find_first_of("eE");
  std::int64_t exponent = 0;
  if (exponent_at != std::string_view::npos) {
    std::string_view digits = text.substr(exponent_at + 1);
    const bool negative = digits.front() == '-';
    if (digits.front() == '-' || digits.front() == '+') digits.remove_prefix(1);
    for (const char c : digits) exponent = exponent > kFar ? exponent : exponent * 10 + (c - '0');
    if (negative) exponent = -exponent;
  }
  const std::string_view mantissa = text.substr(0, exponent_at);
  const std::size_t first = mantissa.find_first_of("123456789");
  if (first == std::string_view::npos) return -kFar;
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  return exponent + static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first);
}

}  // namespace

Number Number::of(std::int64_t value) noexcept {
  Number number;
  number.signed_ = value;
  return number;
}

Number Number::of(std::uint64_t value) noexcept {
  if (value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return of(static_cast<std::int64_t>(value));
  }
  Number number;
  number.kind_ = Kind::kUnsigned;
  number.unsigned_ = value;
  return number;
}

Number Number::of(double value) noexcept {
  Number number;
  number.kind_ = Kind::kDouble;
  number.double_ = value;
  return number;
}

Number Number::parse(std::string_view text) noexcept {
  const char* const end = text.data() + text.size();
  if (text.find_first_of(".eE") == std::string_view::npos) {
    std::int64_t integer = 0;
    if (std::from_chars(text.data(), end, integer).ec == std::errc{}) return of(integer);
    std::uint64_t large = 0;
    if (text.front() != '-' && std::from_chars(text.data(), end, large).ec == std::errc{}) return of(large);
  }
  double value = 0;
  if (std::from_chars(text.data(), end, value).ec == std::errc{} && std::isfinite(value)) return of(value);
  value = magnitude(text) > 0 ? std::numeric_limits<double>::max() : 0.0;
  return of(text.front() == '-' ? -value : value);
}

double Number::to_double() const noexcept {
  switch (kind_) {
    case Kind::kSigned:
      return static_cast<double>(signed_);
    case Kind::kUnsigned:
      return static_cast<double>(unsigned_);
    case Kind::kDouble:
      return double_;
  }
  return 0;
}

std::optional<std::int64_t> Number::to_integer() const noexcept {
  switch (kind_) {
    case Kind::kSigned:
      return signed_;
    case Kind::kUnsigned:
      return std::nullopt;
    case Kind::kDouble:
      break;
  }
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (!(double_ >= -kLimit && double_ < kLimit) || std::trunc(double_) != double_) return std::nullopt;
  return static_cast<std::int64_t>(double_);
}

std::strong_ordering operator<=>(const Number& a, const Number& b) noexcept {
  using Kind = Number::Kind;
  if (a.kind_ == Kind::kSigned && b.kind_ == Kind::kSigned) return a.signed_ <=> b.signed_;
  // Unsigned are only those above the largest signed.
  if (a.kind_ == Kind::kUnsigned && b.kind_ == Kind::kUnsigned) return a.unsigned_ <=> b.unsigned_;
  if (!a.is_double() && !b.is_double()) {
    return a.kind_ == Kind::kUnsigned ? std::strong_ordering::greater : std::strong_ordering::less;
  }
  // Exact: long double has a significand of at least 64 bits on the machines that this is built for.
  static_assert(std::numeric_limits<long double>::digits >= 64);
  const auto widen = [](const Number& n) -> long double {
    switch (n.kind_) {
      case Kind::kSigned:
        return static_cast<long double>(n.signed_);
      case Kind::kUnsigned:
        return static_cast<long double>(n.unsigned_);
      case Kind::kDouble:
        return static_cast<long double>(n.double_);
    }
    return 0;
  };
  const long double x = widen(a);
  const long double y = widen(b);
  if (x < y) return std::strong_ordering::less;
  return x > y ? std::strong_ordering::greater : std::strong_ordering::equal;
}

void Number::append_to(std::string& out) const {
  char buffer[40];
  std::to_chars_result result{};
  switch (kind_) {
    case Kind::kSigned:
      result = std::to_chars(buffer, buffer + sizeof buffer, signed_);
      break;
    case Kind::kUnsigned:
      result = std::to_chars(buffer, buffer + sizeof buffer, unsigned_);
      break;
    case Kind::kDouble:
      result = std::to_chars(buffer, buffer + sizeof buffer, double_);
      break;
  }
  const std::string_view text(buffer, static_cast<std::size_t>(result.ptr - buffer));
  out += text;
  if (is_double() && text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

}  // namespace penstock::json
