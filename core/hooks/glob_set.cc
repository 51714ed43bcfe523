#include "core/hooks/glob_set.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"

namespace penstock::hooks {
namespace {

constexpr std::size_t kMaxBytes = 16u << 20;

}  // namespace

GlobSet::GlobSet(std::vector<Glob> globs) : globs_(std::move(globs)) {
  class_begins_ = {0, '/', '/' + 1};
  for (std::uint32_t i = 0; i < globs_.size(); ++i) {
    first_steps_.push_back(static_cast<std::uint32_t>(places_.size()));
    for (std::uint32_t step = 0; step < globs_[i].steps_.size(); ++step) {
      places_.push_back({i, step});
      if (globs_[i].steps_[step].kind != Step::Kind::kLiteral) continue;
      const auto value = globs_[i].steps_[step].value;
      class_begins_.insert(class_begins_.end(), {value, value + 1});
    }
    for (const auto& set : globs_[i].classes_) {
      for (const auto& [first, last] : set.ranges) class_begins_.insert(class_begins_.end(), {first, last + 1});
    }
  }
  std::sort(class_begins_.begin(), class_begins_.end());
  class_begins_.erase(std::unique(class_begins_.begin(), class_begins_.end()), class_begins_.end());
  for (std::uint32_t c = 0; c < ascii_classes_.size(); ++c) {
    const auto after = std::upper_bound(class_begins_.begin(), class_begins_.end(), c);
    ascii_classes_[c] = static_cast<std::uint16_t>(after - class_begins_.begin() - 1);
  }
}

std::uint32_t GlobSet::class_of(std::uint32_t code_point) const noexcept {
  if (code_point < ascii_classes_.size()) return ascii_classes_[code_point];
  const auto after = std::upper_bound(class_begins_.begin(), class_begins_.end(), code_point);
  return static_cast<std::uint32_t>(after - class_begins_.begin() - 1);
}

std::size_t GlobSet::Matcher::StepsHash::operator()(const Steps& steps) const noexcept {
  std::size_t hash = 1469598103934665603u;
  for (const auto step : steps) hash = (hash ^ step) * 1099511628211u;
  return hash;
}

GlobSet::Matcher::Matcher(const GlobSet& set, std::uint64_t max_steps)
    : set_(set), max_steps_(max_steps), seen_(set.places_.size(), 0) {
  begin_anew();
}

void GlobSet::Matcher::begin_anew() {
  states_.clear();
  numbers_.clear();
  bytes_ = 0;
  Steps steps;
  ++turn_;
  for (const auto first : set_.first_steps_) add(first, steps);
  intern(std::move(steps));
}

void GlobSet::Matcher::add(std::uint32_t place, Steps& steps) {
  pending_.push_back(place);
  while (!pending_.empty()) {
    const auto current = pending_.back();
    pending_.pop_back();
    if (seen_[current] == turn_) continue;
    seen_[current] = turn_;
    const auto [glob, number] = set_.places_[current];
    const Step& step = set_.globs_[glob].steps_[number];
    const auto first = set_.first_steps_[glob];
    switch (step.kind) {
      case Step::Kind::kBranch:
        pending_.push_back(first + step.second);
        pending_.push_back(first + step.value);
        break;
      case Step::Kind::kJump:
        pending_.push_back(first + step.value);
        break;
      case Step::Kind::kAccept:
      case Step::Kind::kLiteral:
      case Step::Kind::kAny:
      case Step::Kind::kAnyButSlash:
      case Step::Kind::kClass:
        steps.push_back(current);
        break;
    }
  }
}

std::uint32_t GlobSet::Matcher::intern(Steps steps) {
  std::sort(steps.begin(), steps.end());
  const auto [entry, is_new] = numbers_.try_emplace(std::move(steps), static_cast<std::uint32_t>(states_.size()));
  if (!is_new) return entry->second;
  State state;
  state.steps = &entry->first;
  for (const auto place : entry->first) {
    const auto [glob, number] = set_.places_[place];
    if (set_.globs_[glob].steps_[number].kind == Step::Kind::kAccept) state.matching.push_back(glob);
  }
  state.next.assign(set_.class_begins_.size(), kUnknown);
  bytes_ += 200 + 4 * (state.next.size() + state.matching.size() + entry->first.size());
  states_.push_back(std::move(state));
  return entry->second;
}

std::uint32_t GlobSet::Matcher::advance(std::uint32_t state, std::uint32_t char_class) {
  const Steps& now = *states_[state].steps;
  taken_steps_ += now.size() + 1;
  if (taken_steps_ > max_steps_) {
    throw Error(ErrorKind::kExhausted,
                "matching patterns: " + std::to_string(set_.size()) + " patterns ask for too much work on these paths");
  }
  const auto code_point = set_.class_begins_[char_class];
  Steps next;
  ++turn_;
  for (const auto place : now) {
    const auto [glob, number] = set_.places_[place];
    if (set_.globs_[glob].consumes(set_.globs_[glob].steps_[number], code_point)) add(place + 1, next);
  }
  if (bytes_ > kMaxBytes) {
    begin_anew();
    return intern(std::move(next));
  }
  const auto found = intern(std::move(next));
  states_[state].next[char_class] = found;
  return found;
}

const std::vector<std::uint32_t>& GlobSet::Matcher::match(std::string_view text) {
  std::uint32_t state = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    std::uint32_t char_class = 0;
    if (byte < 0x80) {
      char_class = set_.ascii_classes_[byte];
      ++at;
    } else {
      char_class = set_.class_of(next_code_point(text, at));
    }
    const auto next = states_[state].next[char_class];
    state = next != kUnknown ? next : advance(state, char_class);
    if (states_[state].steps->empty()) break;
  }
  return states_[state].matching;
}

}  // namespace penstock::hooks
