#include "core/git/attributes.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::git {
namespace {

using State = AttributeValue::State;

// Git's own limits.
constexpr std::size_t kMaxLineBytes = 2048;
constexpr std::size_t kMaxFileBytes = 100u << 20;

constexpr std::string_view kBlank = " \t\r\n";
constexpr std::string_view kGlobSpecial = "*?[\\";
constexpr std::string_view kMacroPrefix = "[attr]";
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kBuiltIn = "[attr]binary -diff -merge -text";

std::string_view take_word(std::string_view& text) {
  const std::string_view word = text.substr(0, text.find_first_of(kBlank));
  text.remove_prefix(word.size());
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  return word;
}

bool is_attribute_name(std::string_view name) {
  return !name.empty() && name.front() != '-' && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  });
}

// A name in git's C quotes at the beginning of the text, which is then left with what follows; nothing if it is none.
std::optional<std::string> take_quoted(std::string_view& text) {
  std::string result;
  for (std::size_t i = 1; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      text.remove_prefix(i + 1);
      return result;
    }
    if (c != '\\') {
      result += c;
      continue;
    }
    if (++i == text.size()) return std::nullopt;
    constexpr std::string_view kEscapes = "abfnrtv\\\"", kMeanings = "\a\b\f\n\r\t\v\\\"";
    if (const auto escape = kEscapes.find(text[i]); escape != std::string_view::npos) {
      result += kMeanings[escape];
      continue;
    }
    const auto is_octal = [&](std::size_t at, char last) {
      return at < text.size() && text[at] >= '0' && text[at] <= last;
    };
    if (!is_octal(i, '3') || !is_octal(i + 1, '7') || !is_octal(i + 2, '7')) return std::nullopt;
    result += static_cast<char>((text[i] - '0') * 64 + (text[i + 1] - '0') * 8 + (text[i + 2] - '0'));
    i += 2;
  }
  return std::nullopt;
}

}  // namespace

// One line that says something.
struct Attributes::Line {
  struct Setting {
    std::string_view name;
    State state = State::kSet;
    std::string_view text;
  };
  std::string macro;    // what is defined, or
  std::string pattern;  // whom it concerns
  std::vector<Setting> settings;

  static std::optional<Line> parse(std::string_view text);
  // Calls `use` with each line of a file; gives the bytes that were read.
  template <class Use>
  static std::size_t parse_all(std::string_view bytes, const Use& use);
};

std::optional<Attributes::Line> Attributes::Line::parse(std::string_view text) {
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  text = text.substr(0, text.find('\0'));
  if (text.size() >= kMaxLineBytes) return std::nullopt;
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  if (text.empty() || text.front() == '#') return std::nullopt;

  Line line;
  std::optional<std::string> quoted;
  if (text.front() == '"') quoted = take_quoted(text);
  std::string name = quoted ? std::move(*quoted) : std::string(take_word(text));
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  if (name.size() > kMacroPrefix.size() && name.starts_with(kMacroPrefix)) {
    std::string_view defined = std::string_view(name).substr(kMacroPrefix.size());
    defined.remove_prefix(std::min(defined.find_first_not_of(kBlank), defined.size()));
    line.macro = take_word(defined);
    if (!is_attribute_name(line.macro)) return std::nullopt;
  } else {
    line.pattern = std::move(name);
    if (line.pattern.starts_with('!')) return std::nullopt;
  }
  while (!text.empty()) {
    Setting setting{.name = take_word(text), .state = State::kSet, .text = {}};
    const auto equals = setting.name.find('=');
    if (equals != std::string_view::npos) {
      setting.state = State::kText;
      setting.text = setting.name.substr(equals + 1);
      setting.name = setting.name.substr(0, equals);
    }
    if (setting.name.starts_with('-') || setting.name.starts_with('!')) {
      setting.state = setting.name.front() == '-' ? State::kUnset : State::kUnspecified;
      setting.name.remove_prefix(1);
    }
    if (!is_attribute_name(setting.name)) return std::nullopt;
    line.settings.push_back(setting);
  }
  return line;
}

template <class Use>
std::size_t Attributes::Line::parse_all(std::string_view bytes, const Use& use) {
  const std::size_t size = bytes.size();
  if (bytes.starts_with(kByteOrderMark)) bytes.remove_prefix(kByteOrderMark.size());
  while (!bytes.empty()) {
    const std::string_view text = bytes.substr(0, bytes.find('\n'));
    if (const std::optional<Line> line = parse(text)) use(*line);
    bytes.remove_prefix(std::min(text.size() + 1, bytes.size()));
  }
  return size;
}

Attributes::Attributes(std::vector<std::string> wanted, Limits limits)
    : limits_(limits), wanted_(wanted.size()), names_(std::move(wanted)), result_(wanted_) {
  define_macros("");
}

void Attributes::spend(std::uint64_t work) {
  work_ += work;
  if (work_ > limits_.work) {
    throw Error(ErrorKind::kInvalidInput,
                "reading the attributes of the commit's files: the patterns in .gitattributes take too long to match");
  }
}

// Which macros there are, and which of them bear on what is wanted, be it through another macro.
void Attributes::define_macros(std::string_view bytes) {
  Macros defined;
  std::size_t assignments = 0;
  const auto define = [&](const Line& line) {
    if (line.macro.empty()) return;
    auto& macro = defined[line.macro];  // the last definition counts
    macro.clear();
    for (const Line::Setting& setting : line.settings)
      macro.emplace_back(setting.name,
                         Assignment{.attribute = 0, .state = setting.state, .text = std::string(setting.text)});
    assignments += line.settings.size();
    if (defined.size() > Limits::kMacros || assignments > 100 * Limits::kMacros) {
      throw Error(ErrorKind::kInvalidInput, "reading the attributes of the commit's files: more than " +
                                                std::to_string(Limits::kMacros) + " macros");
    }
  };
  Line::parse_all(kBuiltIn, define);
  spend(Line::parse_all(bytes, define));

  std::multimap<std::string_view, std::string_view> mentioned_by;
  for (const auto& [name, macro] : defined) {
    for (const auto& [attribute, assignment] : macro) mentioned_by.emplace(attribute, name);
  }
  names_.resize(wanted_);
  index_.clear();
  for (std::uint32_t i = 0; i < names_.size(); ++i) index_.emplace(names_[i], i);
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const auto [begin, end] = mentioned_by.equal_range(names_[i]);
    for (auto mention = begin; mention != end; ++mention) {
      if (index_.emplace(mention->second, static_cast<std::uint32_t>(names_.size())).second)
        names_.emplace_back(mention->second);
    }
  }
  macros_.assign(names_.size(), {});
  for (auto& [name, macro] : defined) {
    const auto found = index_.find(name);
    if (found == index_.end()) continue;
    for (auto& [attribute, assignment] : macro) {
      const auto target = index_.find(attribute);
      if (target == index_.end()) continue;
      assignment.attribute = target->second;
      macros_[found->second].push_back(std::move(assignment));
    }
  }
}

void Attributes::read_rules(std::string_view bytes, File& file) {
  spend(Line::parse_all(bytes, [&](const Line& line) {
    if (!line.macro.empty()) return;
    Rule rule;
    for (const Line::Setting& setting : line.settings) {
      const auto found = index_.find(setting.name);
      if (found == index_.end()) continue;
      rule.assignments.push_back(
          {.attribute = found->second, .state = setting.state, .text = std::string(setting.text)});
    }
    if (rule.assignments.empty()) return;

    std::string_view pattern = std::string_view(line.pattern).substr(0, line.pattern.find('\0'));
    const std::size_t whole_literal = std::min(pattern.find_first_of(kGlobSpecial), pattern.size());
    rule.folders_only = pattern.ends_with('/');
    if (rule.folders_only) pattern.remove_suffix(1);
    const std::size_t literal = std::min(whole_literal, pattern.size());
    if (pattern.find('/') == std::string_view::npos) {
      if (literal == pattern.size()) {
        rule.target = Rule::Target::kName;
        rule.literal = pattern;
      } else if (pattern.front() == '*' && pattern.find_first_of(kGlobSpecial, 1) == std::string_view::npos) {
        rule.target = Rule::Target::kNameSuffix;
        rule.literal = pattern.substr(1);
      } else {
        rule.target = Rule::Target::kNamePattern;
        rule.wildcards.emplace_back(pattern, Wildmatch::Slash::kOrdinary);
      }
    } else {
      // What follows the literal part is matched as if it were the whole pattern, so that "a**/b" is "a", then "**/b".
      const std::size_t skipped = pattern.front() == '/' ? 1 : 0;
      rule.target = Rule::Target::kPath;
      rule.literal = pattern.substr(skipped, literal - skipped);
      if (literal < pattern.size()) rule.wildcards.emplace_back(pattern.substr(literal), Wildmatch::Slash::kSeparator);
    }
    file.bytes +=
        sizeof rule + rule.literal.size() + rule.assignments.size() * sizeof(Assignment) + line.pattern.size();
    for (const Wildmatch& wildcard : rule.wildcards) file.bytes += wildcard.bytes();
    if (rule_bytes_ + file.bytes > limits_.rule_bytes) {
      throw Error(ErrorKind::kInvalidInput, "reading the attributes in " + in_quotes(file.folder + ".gitattributes") +
                                                ": there are too many rules");
    }
    file.rules.push_back(std::move(rule));
  }));
}

void Attributes::enter(std::string_view folder, std::string_view bytes) {
  while (!files_.empty() && (!folder.starts_with(files_.back().folder) || folder == files_.back().folder)) {
    rule_bytes_ -= files_.back().bytes;
    files_.pop_back();
  }
  if (bytes.size() >= kMaxFileBytes) return;
  if (folder.empty()) define_macros(bytes);
  File file{.folder = std::string(folder), .rules = {}, .bytes = 0};
  read_rules(bytes, file);
  if (file.rules.empty()) return;
  rule_bytes_ += file.bytes;
  files_.push_back(std::move(file));
}

bool Attributes::matches(const Rule& rule, std::string_view path, std::string_view name, PathKind kind) {
  ++work_;
  if (rule.folders_only && kind != PathKind::kFolder) return false;
  switch (rule.target) {
    case Rule::Target::kName:
      return name == rule.literal;
    case Rule::Target::kNameSuffix:
      return name.ends_with(rule.literal);
    case Rule::Target::kNamePattern:
      return rule.wildcards.front().matches(name, scratch_);
    case Rule::Target::kPath:
      if (!path.starts_with(rule.literal)) return false;
      path.remove_prefix(rule.literal.size());
      return rule.wildcards.empty() ? path.empty() : rule.wildcards.front().matches(path, scratch_);
  }
  return false;
}

// The last of a line counts, and only what nothing stronger has settled yet.
void Attributes::assign(const std::vector<Assignment>& assignments) {
  for (auto assignment = assignments.rbegin(); assignment != assignments.rend() && unknown_ > 0; ++assignment) {
    const std::uint32_t attribute = assignment->attribute;
    if (known_[attribute]) continue;
    known_[attribute] = true;
    values_[attribute] = {assignment->state, assignment->text};
    if (attribute < wanted_) --unknown_;
    if (assignment->state == State::kSet) assign(macros_[attribute]);
  }
}

const std::vector<AttributeValue>& Attributes::lookup(std::string_view path, PathKind kind) {
  if (files_.empty()) {
    result_.assign(wanted_, AttributeValue{});
    return result_;
  }
  values_.assign(names_.size(), AttributeValue{});
  known_.assign(names_.size(), false);
  unknown_ = wanted_;
  const std::string_view name = path.substr(path.rfind('/') + 1);
  scratch_.work = 0;
  for (auto file = files_.rbegin(); file != files_.rend() && unknown_ > 0; ++file) {
    if (!path.starts_with(file->folder) || path.size() == file->folder.size()) continue;
    const std::string_view below = path.substr(file->folder.size());
    for (auto rule = file->rules.rbegin(); rule != file->rules.rend() && unknown_ > 0; ++rule) {
      const bool settled = std::all_of(rule->assignments.begin(), rule->assignments.end(),
                                       [&](const Assignment& assignment) { return known_[assignment.attribute]; });
      if (!settled && matches(*rule, below, name, kind)) assign(rule->assignments);
      if (scratch_.work > 1'000'000) spend(std::exchange(scratch_.work, 0));
    }
  }
  spend(scratch_.work);
  result_.assign(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(wanted_));
  return result_;
}

}  // namespace penstock::git
