// Reading back JSON that this module wrote. It comes from the disk, so it is checked like a stranger's; whatever does
// not fit is Error{kCorrupt}.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/json/document.h"

namespace penstock::hooks {

class JsonReader {
 public:
  // `what` names the text in errors.
  JsonReader(json::Value value, std::string_view what) : value_(value), what_(what) {}

  [[noreturn]] void refuse(std::string_view expected) const {
    throw Error(ErrorKind::kCorrupt, "reading " + std::string(what_) + ": expected " + std::string(expected));
  }

  std::string text() const {
    const auto text = value_.string();
    if (!text) refuse("a text");
    return std::string(*text);
  }
  bool boolean() const {
    const auto flag = value_.boolean();
    if (!flag) refuse("true or false");
    return *flag;
  }
  std::size_t number() const {
    const auto number = value_.integer();
    if (!number || *number < 0) refuse("a number");
    return static_cast<std::size_t>(*number);
  }
  // Below `bound`.
  std::uint32_t index(std::size_t bound) const {
    const auto index = number();
    if (index >= bound || index > std::numeric_limits<std::uint32_t>::max()) refuse("an index in range");
    return static_cast<std::uint32_t>(index);
  }

  bool has(std::string_view member) const { return value_.find(member).has_value(); }
  JsonReader at(std::string_view member) const {
    const auto found = value_.find(member);
    if (!found) refuse("the member " + std::string(member));
    return {*found, what_};
  }
  std::string text_or_empty(std::string_view member) const {
    const auto found = value_.find(member);
    return !found || found->is_null() ? std::string() : JsonReader(*found, what_).text();
  }
  bool flag(std::string_view member) const { return has(member) && at(member).boolean(); }
  std::size_t number_or_zero(std::string_view member) const { return has(member) ? at(member).number() : 0; }

  template <typename Visit>
  void for_each(const Visit& visit) const {
    if (value_.type() != json::Type::kArray) refuse("an array");
    value_.for_each_element([&](json::Value element) { visit(JsonReader(element, what_)); });
  }
  template <typename Visit>
  void for_each_in(std::string_view member, const Visit& visit) const {
    if (has(member)) at(member).for_each(visit);
  }
  std::vector<JsonReader> elements() const {
    std::vector<JsonReader> result;
    for_each([&](const JsonReader& element) { result.push_back(element); });
    return result;
  }
  std::vector<std::uint32_t> indexes(std::string_view member, std::size_t bound) const {
    std::vector<std::uint32_t> result;
    for_each_in(member, [&](const JsonReader& element) { result.push_back(element.index(bound)); });
    return result;
  }

  const json::Value& value() const noexcept { return value_; }

 private:
  json::Value value_;
  std::string_view what_;
};

// Error{kCorrupt} for anything that is no JSON object of at most 64 MiB.
json::Document parse_own_json(std::string_view text, std::string_view what);

}  // namespace penstock::hooks
