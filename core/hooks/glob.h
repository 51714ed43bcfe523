// Glob patterns, matched in time linear in the text whatever the pattern: both come from people we do not know.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::hooks {

// What '/' means. kOrdinary: nothing special, '*' crosses it (matchGlob). kSeparator: '*', '?' and classes stop at it
// and '**' crosses it, as in CodePipeline V2's trigger filters, whose model is Java's "glob:" syntax.
enum class SlashMeaning { kOrdinary, kSeparator };

// * any characters, ? one, [abc] [a-z] [!x] classes, {a,b} alternatives (not nested), backslash takes the next
// character as it is. Case counts; characters are Unicode code points; the whole text must match.
// Immutable and thread-safe once made.
class Glob {
 public:
  // Throws Error{kInvalidInput} "column N: …" (from 1, in characters).
  static Glob compile(std::string_view pattern, SlashMeaning slash);

  // The same with kSeparator, but {name} stands for one or more characters but '/', which capture() gives. Names are
  // letters, digits, '_' and '-'; each may be there once.
  static Glob compile_with_captures(std::string_view pattern);

  bool matches(std::string_view text) const;

  // Of compile_with_captures(), in the order of the pattern.
  std::vector<std::string> capture_names() const;
  // What the names stand for when the text matches, in their order. Where the pattern can be read in several ways each
  // wildcard, from the left, takes as little as it can.
  std::optional<std::vector<std::string_view>> capture(std::string_view text) const;

 private:
  friend class GlobSet;
  // An NFA in program order: each step either consumes one code point and goes on to the next step, or branches.
  struct Step {
    enum class Kind : std::uint8_t { kLiteral, kAny, kAnyButSlash, kClass, kBranch, kJump, kAccept };
    Kind kind = Kind::kAccept;
    std::uint32_t value = 0;   // kLiteral: code point; kClass: index; kBranch, kJump: target
    std::uint32_t second = 0;  // kBranch: the other target
  };
  struct Class {
    bool negated = false;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges;
  };
  class Compiler;
  struct Capture {
    std::string name;
    std::uint32_t begin = 0;  // its first step
  };

  bool consumes(const Step& step, std::uint32_t code_point) const noexcept;
  bool class_contains(const Class& set, std::uint32_t code_point) const noexcept;

  SlashMeaning slash_ = SlashMeaning::kOrdinary;
  std::vector<Step> steps_;
  std::vector<Class> classes_;
  std::vector<Capture> captures_;
  // What most patterns are is told without the NFA.
  enum class Shape : std::uint8_t { kLiteral, kPrefixAndSuffix, kOther };
  Shape shape_ = Shape::kOther;
  std::string prefix_;  // kLiteral: all of it; otherwise what every match begins with
  std::string suffix_;  // kPrefixAndSuffix: what every match ends in, after anything
};

// The next character of the text, from `at`, which is moved on; a byte that is not UTF-8 counts as a character of its
// own outside Unicode.
std::uint32_t next_code_point(std::string_view text, std::size_t& at) noexcept;

// The pattern that matches exactly this text.
std::string escape_glob(std::string_view text);

}  // namespace penstock::hooks
