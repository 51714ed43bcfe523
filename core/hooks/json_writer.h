// JSON objects and arrays, appended member by member to a text.
#pragma once

#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>

#include "core/hooks/json_text.h"

namespace penstock::hooks {

inline void append_number(std::string& out, std::size_t number) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}

// Members in order of writing; the separators are its only state.
class ObjectWriter {
 public:
  explicit ObjectWriter(std::string& out) : out_(out) { out_ += '{'; }
  ObjectWriter(const ObjectWriter&) = delete;
  ObjectWriter& operator=(const ObjectWriter&) = delete;
  ~ObjectWriter() { out_ += '}'; }

  std::string& name(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    append_json_string(out_, name);
    return out_ += ':';
  }
  void text(std::string_view member, std::string_view value) { append_json_string(name(member), value); }
  void text_or_null(std::string_view member, std::string_view value) {
    if (value.empty()) {
      name(member) += "null";
    } else {
      text(member, value);
    }
  }
  void number(std::string_view member, std::size_t value) { append_number(name(member), value); }
  void raw(std::string_view member, std::string_view json) { name(member) += json; }

 private:
  std::string& out_;
  bool first_ = true;
};

template <typename Items, typename Write>
void write_array(std::string& out, const Items& items, const Write& write) {
  out += '[';
  bool first = true;
  for (const auto& item : items) {
    if (!first) out += ',';
    first = false;
    write(item);
  }
  out += ']';
}

template <typename Numbers>
void write_numbers(std::string& out, const Numbers& numbers) {
  write_array(out, numbers, [&](std::size_t number) { append_number(out, number); });
}

}  // namespace penstock::hooks
