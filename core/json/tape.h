// A parsed document as simdjson leaves it: one array of 64-bit words in document order (simdjson's doc/tape.md).
//
// Reading the words directly instead of through simdjson's iterators makes a value a plain index: it has an identity, a
// subtree is a range, and nothing here recurses. Only this module sees it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string_view>
#include <vector>

#include "core/json/document.h"
#include "core/json/number.h"

namespace penstock::json {

class Tape {
 public:
  using Index = std::uint32_t;
  static constexpr Index kRoot = 1;
  static constexpr Index kNone = 0;  // no value lies there

  struct Member {
    std::string_view name;
    Index value;
  };

  Tape(std::unique_ptr<std::uint64_t[]> words, std::unique_ptr<std::uint8_t[]> strings);

  // Notes repeated member names, of which only the first of an object counts, and returns the depth of nesting.
  std::size_t examine();

  char kind(Index value) const noexcept { return static_cast<char>(words_[value] >> 56); }
  Type type(Index value) const noexcept;
  bool is_array(Index value) const noexcept { return kind(value) == '['; }
  bool is_object(Index value) const noexcept { return kind(value) == '{'; }
  bool is_container(Index value) const noexcept { return is_array(value) || is_object(value); }

  std::string_view string(Index value) const noexcept {
    const std::uint8_t* const start = strings_.get() + (words_[value] & kPayload);
    std::uint32_t length = 0;
    std::memcpy(&length, start, sizeof length);
    return {reinterpret_cast<const char*>(start + sizeof length), length};
  }
  Number number(Index value) const noexcept;

  // The word after a value and all that is in it.
  Index after(Index value) const noexcept {
    switch (kind(value)) {
      case '[':
      case '{':
        return static_cast<Index>(words_[value]);
      case 'l':
      case 'u':
      case 'd':
        return value + 2;
      default:
        return value + 1;
    }
  }

  // Elements of an array, members of an object (the counted ones); 0 for a scalar.
  std::size_t size(Index value) const noexcept;

  // What walking over a container passes, repeated members included; at least 2^24 - 1 when it is more than that.
  std::size_t stored_size(Index value) const noexcept {
    return static_cast<std::uint32_t>(words_[value] >> 32) & kSaturated;
  }
  // size() then counts by walking.
  bool must_count(Index value) const noexcept {
    return stored_size(value) == kSaturated || (!shadowed_.empty() && is_object(value));
  }
  bool has_repeated_names() const noexcept { return !shadowed_.empty(); }

  // `for (Index element : tape.elements(array))`
  class Elements;
  Elements elements(Index array) const noexcept;
  // `for (Tape::Member member : tape.members(object))`; only members that count.
  class Members;
  Members members(Index object) const noexcept;

  // The word where the name of a member with this value lies.
  static Index name_of_member(Index value) noexcept { return value - 1; }

  // The words of all numbers, in the order of the text.
  std::vector<Index> numbers() const;

 private:
  static constexpr std::uint64_t kPayload = 0x00FF'FFFF'FFFF'FFFF;
  static constexpr std::uint32_t kSaturated = 0xFF'FFFF;

  bool is_shadowed(Index value) const noexcept {
    return !shadowed_.empty() && std::binary_search(shadowed_.begin(), shadowed_.end(), value);
  }
  void find_repeated_names(Index object);

  std::unique_ptr<std::uint64_t[]> words_;
  std::unique_ptr<std::uint8_t[]> strings_;
  std::vector<Index> shadowed_;  // values of repeated members, ascending
};

class Tape::Elements {
 public:
  class Iterator {
   public:
    Iterator(const Tape& tape, Index at) : tape_(&tape), at_(at) {}
    Index operator*() const noexcept { return at_; }
    Iterator& operator++() noexcept {
      at_ = tape_->after(at_);
      return *this;
    }
    bool operator==(const Iterator& other) const noexcept { return at_ == other.at_; }

   private:
    const Tape* tape_;
    Index at_;
  };
  Elements(const Tape& tape, Index array) : tape_(tape), array_(array) {}
  Iterator begin() const noexcept { return {tape_, array_ + 1}; }
  Iterator end() const noexcept { return {tape_, tape_.after(array_) - 1}; }

 private:
  const Tape& tape_;
  Index array_;
};

class Tape::Members {
 public:
  class Iterator {
   public:
    Iterator(const Tape& tape, Index at, Index end) : tape_(&tape), at_(at), end_(end) { skip_shadowed(); }
    Member operator*() const noexcept { return {tape_->string(at_), at_ + 1}; }
    Iterator& operator++() noexcept {
      at_ = tape_->after(at_ + 1);
      skip_shadowed();
      return *this;
    }
    bool operator==(const Iterator& other) const noexcept { return at_ == other.at_; }

   private:
    void skip_shadowed() noexcept {
      while (at_ != end_ && tape_->is_shadowed(at_ + 1)) at_ = tape_->after(at_ + 1);
    }
    const Tape* tape_;
    Index at_;
    Index end_;
  };
  Members(const Tape& tape, Index object) : tape_(tape), begin_(object + 1), end_(tape.after(object) - 1) {}
  Iterator begin() const noexcept { return {tape_, begin_, end_}; }
  Iterator end() const noexcept { return {tape_, end_, end_}; }

 private:
  const Tape& tape_;
  Index begin_;
  Index end_;
};

inline Tape::Elements Tape::elements(Index array) const noexcept {
  return {*this, array};
}
inline Tape::Members Tape::members(Index object) const noexcept {
  return {*this, object};
}

// The way from the public view of a value to its place on the tape, and back.
struct ValueAccess {
  static const Tape& tape(const Document& document) noexcept { return *document.tape_; }
  static Value value(const Tape& tape, Tape::Index index) noexcept { return Value(&tape, index); }
  static Tape::Index index(const Value& value) noexcept { return value.index_; }
};

}  // namespace penstock::json
