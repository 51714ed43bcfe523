#include "core/json/document.h"

#include <cmath>
#include <limits>
#include <utility>

#include <simdjson.h>

#include "core/base/error.h"
#include "core/json/scanner.h"
#include "core/json/tape.h"
#include "core/json/writer.h"

namespace penstock::json {
namespace {

// simdjson counts depth in its own way, which differs by one with what lies innermost; the exact bound is checked on
// the tape.
constexpr std::size_t kDepthSlack = 4;

simdjson::error_code parse_with_simdjson(std::string_view text, std::size_t max_depth,
                                         std::unique_ptr<const Tape>& result, std::size_t& depth) {
  simdjson::dom::parser parser;
  if (const auto error = parser.allocate(text.size(), max_depth + kDepthSlack)) return error;
  simdjson::dom::document document;
  const simdjson::padded_string padded(text);
  if (const auto error = parser.parse_into_document(document, padded).error()) return error;
  auto tape = std::make_unique<Tape>(std::move(document.tape), std::move(document.string_buf));
  depth = tape->examine();
  result = std::move(tape);
  return simdjson::SUCCESS;
}

// simdjson refuses integers beyond 64 bits and floating-point numbers beyond a double. The text with such numbers
// replaced by the nearest that it takes.
std::string with_representable_numbers(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  const char* copied = text.data();
  const ScanResult scan = scan_json(text, std::numeric_limits<std::size_t>::max(), [&](std::string_view token) {
    const Number number = Number::parse(token);
    const bool is_integer = token.find_first_of(".eE") == std::string_view::npos;
    const double value = number.to_double();
    const bool is_extreme = value == 0 || std::abs(value) == std::numeric_limits<double>::max();
    if (!number.is_double() || (!is_integer && !is_extreme)) return;
    result.append(copied, token.data());
    number.append_to(result);
    copied = token.data() + token.size();
  });
  result.append(copied, text.data() + text.size());
  return result;
}

[[noreturn]] void throw_too_deep(std::size_t max_depth) {
  throw Error(ErrorKind::kExhausted,
              "parsing JSON: arrays and objects are nested deeper than " + std::to_string(max_depth));
}

}  // namespace

Document::Document(std::unique_ptr<const Tape> tape) : tape_(std::move(tape)) {}
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

Document Document::parse(std::string_view text, const Limits& limits) {
  if (text.size() > limits.max_bytes) {
    throw Error(ErrorKind::kExhausted, "parsing JSON: " + std::to_string(text.size()) + " bytes, at most " +
                                           std::to_string(limits.max_bytes) + " are accepted");
  }
  const std::string_view body = skip_byte_order_mark(text);
  std::unique_ptr<const Tape> tape;
  std::size_t depth = 0;
  auto error = parse_with_simdjson(body, limits.max_depth, tape, depth);
  if (error == simdjson::MEMALLOC || error == simdjson::CAPACITY) {
    throw Error(ErrorKind::kExhausted, std::string("parsing JSON: ") + simdjson::error_message(error));
  }
  if (error) {
    const ScanResult scan = scan_json(body, limits.max_depth);
    switch (scan.verdict) {
      case ScanResult::Verdict::kTooDeep:
        throw_too_deep(limits.max_depth);
      case ScanResult::Verdict::kInvalid:
        throw Error(
            ErrorKind::kInvalidInput,
            "parsing JSON: byte " + std::to_string(text.size() - body.size() + scan.offset) + ": " + scan.reason);
      case ScanResult::Verdict::kValid:
        break;
    }
    error = parse_with_simdjson(with_representable_numbers(body), limits.max_depth, tape, depth);
    if (error) throw Error(ErrorKind::kInvalidInput, std::string("parsing JSON: ") + simdjson::error_message(error));
  }
  if (depth > limits.max_depth) throw_too_deep(limits.max_depth);
  return Document(std::move(tape));
}

Value Document::root() const noexcept {
  return Value(tape_.get(), Tape::kRoot);
}

bool Document::has_repeated_names() const noexcept {
  return tape_->has_repeated_names();
}

Type Value::type() const noexcept {
  return tape_->type(index_);
}

std::optional<std::string_view> Value::string() const noexcept {
  if (type() != Type::kString) return std::nullopt;
  return tape_->string(index_);
}

std::optional<std::int64_t> Value::integer() const noexcept {
  if (type() != Type::kNumber) return std::nullopt;
  return tape_->number(index_).to_integer();
}

std::optional<double> Value::number() const noexcept {
  if (type() != Type::kNumber) return std::nullopt;
  return tape_->number(index_).to_double();
}

std::optional<bool> Value::boolean() const noexcept {
  if (type() != Type::kBoolean) return std::nullopt;
  return tape_->kind(index_) == 't';
}

std::size_t Value::size() const noexcept {
  return tape_->size(index_);
}

std::optional<Value> Value::find(std::string_view member) const noexcept {
  if (!tape_->is_object(index_)) return std::nullopt;
  for (const auto [name, value] : tape_->members(index_)) {
    if (name == member) return Value(tape_, value);
  }
  return std::nullopt;
}

void Value::for_each_element(const std::function<void(Value)>& visit) const {
  if (!tape_->is_array(index_)) return;
  for (const Tape::Index element : tape_->elements(index_)) visit(Value(tape_, element));
}

void Value::for_each_member(const std::function<void(std::string_view, Value)>& visit) const {
  if (!tape_->is_object(index_)) return;
  for (const auto [name, value] : tape_->members(index_)) visit(name, Value(tape_, value));
}

std::string Value::to_text() const {
  std::string out;
  write_value(out, *tape_, index_);
  return out;
}

}  // namespace penstock::json
