// Untrusted JSON: parsed by simdjson (validates UTF-8), bounded, read-only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::json {

enum class Type { kNull, kBoolean, kNumber, kString, kArray, kObject };

class Document;

// A view of one value inside a Document; cheap to copy, valid while the Document lives. Reads never throw: a value of
// another type gives nothing. Duplicate member names: the first counts.
class Value {
 public:
  Type type() const noexcept;
  bool is_null() const noexcept { return type() == Type::kNull; }
  std::optional<std::string_view> string() const noexcept;
  std::optional<std::int64_t> integer() const noexcept;  // also for 3.0; nothing for 3.5 or out of range
  std::optional<double> number() const noexcept;
  std::optional<bool> boolean() const noexcept;
  std::size_t size() const noexcept;                                  // elements or members; 0 for scalars
  std::optional<Value> find(std::string_view member) const noexcept;  // objects
  void for_each_element(const std::function<void(Value)>& visit) const;
  void for_each_member(const std::function<void(std::string_view, Value)>& visit) const;
  std::string to_text() const;  // minified JSON

 private:
  friend class Document;
  friend struct ValueAccess;  // the JSONPath evaluator's way to the simdjson element
  Value() = default;
  alignas(8) unsigned char element_[16] = {};
};

// Immutable once parsed; any number of threads may read it.
class Document {
 public:
  struct Limits {
    std::size_t max_bytes = 16u << 20;
    std::size_t max_depth = 64;
  };
  // RFC 8259 text in UTF-8; a leading byte order mark is skipped. Throws Error{kInvalidInput} with the byte offset
  // where known, Error{kExhausted} past a limit. Lone surrogate escapes are refused.
  static Document parse(std::string_view text, const Limits& limits);
  static Document parse(std::string_view text) { return parse(text, Limits{}); }
  Document(Document&&) noexcept;
  Document& operator=(Document&&) noexcept;
  ~Document();

  Value root() const noexcept;

 private:
  struct Tape;
  explicit Document(std::unique_ptr<Tape> tape);
  std::unique_ptr<Tape> tape_;
};

}  // namespace penstock::json
