#include "core/config/section.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/base/text.h"
#include "core/config/values.h"

namespace penstock::config {
namespace {

constexpr std::string_view kSecretRemedy =
    "expected a reference such as {secret: \"env:NAME\"}, {secret: \"file:PATH\"} or {secret: "
    "\"secretsmanager:ID#jsonKey\"}, ";

std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) {
    if (!text.empty()) text += ", ";
    text += in_quotes(name);
  }
  return text;
}

}  // namespace

void Report::add_problem(int line, std::string path, std::string message) {
  problems_.push_back({line, std::move(path), std::move(message)});
}

void Report::add_value(std::string path, std::string value, int line) {
  values_.push_back({std::move(path), std::move(value),
                     line == 0 ? std::string("default") : file_.string() + ":" + std::to_string(line)});
}

std::vector<Problem> Report::take_problems() {
  std::stable_sort(problems_.begin(), problems_.end(),
                   [](const Problem& a, const Problem& b) { return a.line < b.line; });
  return std::move(problems_);
}

std::string kind_of(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kScalar:
      return "a text";
    case YamlNode::Kind::kSequence:
      return "a list";
    case YamlNode::Kind::kMapping:
      return "a mapping";
  }
  return "";
}

Section::Section(Report& report, const YamlNode* node, int line, std::string path)
    : report_(report), node_(node), line_(line), path_(std::move(path)) {
  if (node_ == nullptr || node_->kind == YamlNode::Kind::kMapping) return;
  if (node_->kind != YamlNode::Kind::kNull) {
    report_.add_problem(line_, path_, "expected a mapping, found " + kind_of(*node_));
  }
  node_ = nullptr;
}

std::string Section::path_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

const YamlEntry* Section::find(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  return node_ == nullptr ? nullptr : node_->find(key);
}

int Section::line_of(std::string_view key) const {
  const auto* entry = node_ == nullptr ? nullptr : node_->find(key);
  return entry == nullptr ? line_ : entry->line;
}

bool Section::has(std::string_view key) const {
  const auto* entry = node_ == nullptr ? nullptr : node_->find(key);
  return entry != nullptr && entry->value->kind != YamlNode::Kind::kNull;
}

void Section::problem(std::string_view key, std::string message) {
  report_.add_problem(line_of(key), path_of(key), std::move(message));
}

void Section::note_value(std::string_view key, std::string_view value) {
  report_.add_value(path_of(key), without_user_information(value), has(key) ? line_of(key) : 0);
}

const YamlNode* Section::take(std::string_view key) {
  const auto* entry = find(key);
  return entry == nullptr || entry->value->kind == YamlNode::Kind::kNull ? nullptr : entry->value.get();
}

std::optional<std::string> Section::take_text(std::string_view key, std::string_view expected) {
  const auto* value = take(key);
  if (value == nullptr) return std::nullopt;
  if (value->kind == YamlNode::Kind::kScalar) return value->scalar;
  problem(key, "expected " + std::string(expected) + ", found " + kind_of(*value));
  return std::nullopt;
}

void Section::read(std::string_view key, std::string& target, const TextCheck& check) {
  if (auto text = take_text(key, "a text")) {
    if (const auto expected = check ? check(*text) : std::nullopt) {
      problem(key, "expected " + *expected + ", found " + in_quotes(without_user_information(*text)));
    } else {
      target = std::move(*text);
    }
  }
  note_value(key, target);
}

void Section::read(std::string_view key, std::optional<std::string>& target, const TextCheck& check) {
  if (!has(key)) {
    find(key);
    return;
  }
  std::string text = target.value_or("");
  read(key, text, check);
  target = std::move(text);
}

void Section::require(std::string_view key, std::string& target, const TextCheck& check) {
  if (!has(key)) {
    find(key);
    problem(key, "expected a text, found nothing");
    return;
  }
  read(key, target, check ? check : TextCheck([](const std::string& text) {
         return text.empty() ? std::optional<std::string>("a text that is not empty") : std::nullopt;
       }));
}

void Section::read(std::string_view key, bool& target) {
  if (const auto text = take_text(key, "true or false")) {
    if (*text == "true" || *text == "false") {
      target = *text == "true";
    } else {
      problem(key, "expected true or false, found " + in_quotes(*text));
    }
  }
  note_value(key, target ? "true" : "false");
}

void Section::read_integer(std::string_view key, int& target, int least, int most) {
  const auto expected = "a number from " + std::to_string(least) + " to " + std::to_string(most);
  if (const auto text = take_text(key, expected)) {
    int number = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (error != std::errc() || end != text->data() + text->size() || number < least || number > most) {
      problem(key, "expected " + expected + ", found " + in_quotes(*text));
    } else {
      target = number;
    }
  }
  note_value(key, std::to_string(target));
}

void Section::read_duration(std::string_view key, std::chrono::milliseconds& target, std::chrono::milliseconds least,
                            std::chrono::milliseconds most) {
  const auto expected = "a duration from " + format_duration(least) + " to " + format_duration(most);
  if (const auto text = take_text(key, expected)) {
    const auto milliseconds = parse_duration_milliseconds(*text);
    if (!milliseconds || *milliseconds < least.count() || *milliseconds > most.count()) {
      problem(key, "expected " + expected + " such as 500ms, 30s, 5m, 12h or 90d, found " + in_quotes(*text));
    } else {
      target = std::chrono::milliseconds(*milliseconds);
    }
  }
  note_value(key, format_duration(target));
}

void Section::read_bytes(std::string_view key, std::uint64_t& target, std::uint64_t least, std::uint64_t most) {
  const auto expected = "a size from " + format_bytes(least) + " to " + format_bytes(most);
  if (const auto text = take_text(key, expected)) {
    const auto bytes = parse_byte_size(*text);
    if (!bytes || *bytes < least || *bytes > most) {
      problem(key, "expected " + expected + " such as 512KiB, 4MiB or 20GiB, found " + in_quotes(*text));
    } else {
      target = *bytes;
    }
  }
  note_value(key, format_bytes(target));
}

void Section::read_choice(std::string_view key, std::string& target, const std::vector<std::string>& choices) {
  if (auto text = take_text(key, "one of " + list_of(choices))) {
    if (std::find(choices.begin(), choices.end(), *text) != choices.end()) {
      target = std::move(*text);
    } else {
      const auto nearest = nearest_name(*text, choices);
      problem(key, "expected one of " + list_of(choices) + ", found " + in_quotes(*text) +
                       (nearest ? "; did you mean " + in_quotes(*nearest) + "?" : ""));
    }
  }
  note_value(key, target);
}

void Section::read_list(std::string_view key, std::vector<std::string>& target, const TextCheck& check) {
  if (const auto* value = take(key)) {
    if (value->kind != YamlNode::Kind::kSequence) {
      problem(key, "expected a list of texts, found " + kind_of(*value));
      return;
    }
    target.clear();
    for (std::size_t i = 0; i < value->items.size(); ++i) {
      const auto& item = *value->items[i];
      const auto item_path = path_of(key) + "[" + std::to_string(i) + "]";
      if (item.kind != YamlNode::Kind::kScalar) {
        report_.add_problem(item.line, item_path, "expected a text, found " + kind_of(item));
      } else if (const auto expected = check ? check(item.scalar) : std::nullopt) {
        report_.add_problem(item.line, item_path, "expected " + *expected + ", found " + in_quotes(item.scalar));
      } else {
        target.push_back(item.scalar);
      }
    }
  }
  note_value(key, "[" + list_of(target) + "]");
}

void Section::read_map(std::string_view key, std::map<std::string, std::string>& target, const TextCheck& key_check) {
  const auto* value = take(key);
  if (value == nullptr) return;
  if (value->kind != YamlNode::Kind::kMapping) {
    problem(key, "expected a mapping of texts, found " + kind_of(*value));
    return;
  }
  for (const auto& entry : value->entries) {
    const auto entry_path = path_of(key) + "." + entry.key;
    if (entry.value->kind == YamlNode::Kind::kSequence || entry.value->kind == YamlNode::Kind::kMapping) {
      report_.add_problem(entry.line, entry_path, "expected a text, found " + kind_of(*entry.value));
    } else if (const auto expected = key_check ? key_check(entry.key) : std::nullopt) {
      report_.add_problem(entry.line, entry_path, "expected " + *expected + ", found " + in_quotes(entry.key));
    } else {
      target[entry.key] = entry.value->scalar;
      report_.add_value(entry_path, entry.value->scalar, entry.line);
    }
  }
}

SecretReference Section::require_secret(std::string_view key) {
  const auto* value = take(key);
  if (value == nullptr) {
    problem(key, std::string(kSecretRemedy) + "found nothing");
    return {};
  }
  const bool wrapped = value->kind == YamlNode::Kind::kMapping;
  if (wrapped) {
    Section inner(report_, value, line_of(key), path_of(key));
    const auto* reference = inner.take("secret");
    inner.finish();
    value = reference;
  }
  if (value == nullptr || value->kind != YamlNode::Kind::kScalar) {
    problem(key, std::string(kSecretRemedy) + "found " +
                     (value == nullptr ? "a mapping without the key \"secret\"" : kind_of(*value)));
    return {};
  }
  auto reference = SecretReference::parse(value->scalar);
  if (!reference) {
    // What stands there is probably the secret itself: it must not reach a terminal or a log.
    problem(key, std::string(kSecretRemedy) +
                     "found a literal text (not shown); a secret must not stand in the file, and if it is in use "
                     "replace it");
    return {};
  }
  note_value(key, reference->to_string());
  return *reference;
}

Section Section::section(std::string_view key) {
  const auto* entry = find(key);
  return Section(report_, entry == nullptr ? nullptr : entry->value.get(), entry == nullptr ? line_ : entry->line,
                 path_of(key));
}

void Section::for_each_item(std::string_view key, const std::function<void(Section)>& read_item) {
  const auto* value = take(key);
  if (value == nullptr) return;
  if (value->kind != YamlNode::Kind::kSequence) {
    problem(key, "expected a list of mappings, found " + kind_of(*value));
    return;
  }
  for (std::size_t i = 0; i < value->items.size(); ++i) {
    const auto& item = *value->items[i];
    const auto item_path = path_of(key) + "[" + std::to_string(i) + "]";
    if (item.kind == YamlNode::Kind::kMapping) {
      read_item(Section(report_, &item, item.line, item_path));
    } else {
      report_.add_problem(item.line, item_path, "expected a mapping, found " + kind_of(item));
    }
  }
}

void Section::for_each_entry(std::string_view key,
                             const std::function<void(const std::string& name, Section)>& read_entry) {
  const auto* value = take(key);
  if (value == nullptr) return;
  if (value->kind != YamlNode::Kind::kMapping) {
    problem(key, "expected a mapping of names, found " + kind_of(*value));
    return;
  }
  for (const auto& entry : value->entries) {
    const auto entry_path = path_of(key) + "." + entry.key;
    if (entry.value->kind == YamlNode::Kind::kMapping) {
      read_entry(entry.key, Section(report_, entry.value.get(), entry.line, entry_path));
    } else {
      report_.add_problem(entry.line, entry_path, "expected a mapping, found " + kind_of(*entry.value));
    }
  }
}

void Section::ignore(std::initializer_list<std::string_view> keys) {
  for (const auto key : keys) find(key);
}

void Section::not_supported(std::string_view key, std::string_view accepted) {
  const auto* value = take(key);
  if (value == nullptr) return;
  if (!accepted.empty() && value->kind == YamlNode::Kind::kScalar && value->scalar == accepted) return;
  problem(key, accepted.empty()
                   ? "is not supported by this version; remove it"
                   : "expected " + std::string(accepted) + ", found " +
                         (value->kind == YamlNode::Kind::kScalar ? in_quotes(value->scalar) : kind_of(*value)) +
                         ", which is not supported by this version");
}

void Section::finish() {
  if (node_ == nullptr) return;
  for (const auto& entry : node_->entries) {
    if (std::find(known_.begin(), known_.end(), entry.key) != known_.end()) continue;
    const auto nearest = nearest_name(entry.key, known_);
    report_.add_problem(entry.line, path_of(entry.key),
                        nearest ? "unknown key; did you mean " + in_quotes(*nearest) + "?"
                                : "unknown key; expected one of " + list_of(known_));
  }
}

}  // namespace penstock::config
