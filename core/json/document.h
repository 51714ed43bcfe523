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
class Tape;

// A view of one value inside a Document; cheap to copy, valid while the Document lives. Reads never throw: a value of
// another type gives nothing. Of several members with the same name only the first counts, here and in JSONPath.
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
  // Minified JSON. Numbers are written with the fewest digits that read back as the same number.
  std::string to_text() const;

  // The same place of the same document (not: an equal value).
  bool is_same_node(const Value& other) const noexcept { return tape_ == other.tape_ && index_ == other.index_; }

 private:
  friend class Document;
  friend struct ValueAccess;  // the module's own way to the tape
  Value(const Tape* tape, std::uint32_t index) noexcept : tape_(tape), index_(index) {}
  const Tape* tape_;
  std::uint32_t index_;
};

// Immutable once parsed; any number of threads may read it.
class Document {
 public:
  struct Limits {
    std::size_t max_bytes = 16u << 20;
    std::size_t max_depth = 64;
  };
  // RFC 8259 text in UTF-8; a leading byte order mark is skipped. Throws Error{kInvalidInput} with the byte offset and
  // the reason, Error{kExhausted} past a limit (depth: containers within containers, a lone array has depth 1). Lone
  // surrogate escapes are refused. Integers beyond 64 bits become the nearest double, numbers beyond a double the
  // largest one of their sign: no valid document is refused for its numbers.
  static Document parse(std::string_view text, const Limits& limits);
  static Document parse(std::string_view text) { return parse(text, Limits{}); }
  Document(Document&&) noexcept;
  Document& operator=(Document&&) noexcept;
  ~Document();

  Value root() const noexcept;
  // Whether some object, however deep, has two members of one name: for those who must not be of two minds about it.
  bool has_repeated_names() const noexcept;

 private:
  friend struct ValueAccess;
  explicit Document(std::unique_ptr<const Tape> tape);
  std::unique_ptr<const Tape> tape_;
};

}  // namespace penstock::json
