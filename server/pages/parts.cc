#include "server/pages/parts.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <utility>

#include "core/base/text.h"

namespace penstock::server::pages {
namespace {

std::string_view class_of(Tone tone) {
  switch (tone) {
    case Tone::kGood:
      return "badge good";
    case Tone::kBad:
      return "badge bad";
    case Tone::kWaiting:
      return "badge waiting";
    case Tone::kRunning:
      return "badge running";
    case Tone::kQuiet:
      return "badge quiet";
    case Tone::kWarning:
      return "badge warning";
  }
  return "badge quiet";
}

// Drawn in a square of 16 by 16.
Html shape_of(Tone tone) {
  const auto path = [](std::string_view d) { return element("path", {{"d", d}}, {}); };
  switch (tone) {
    case Tone::kGood:  // a tick
      return path("M3 8.5l3.2 3.2L13 5");
    case Tone::kBad:  // a cross
      return path("M4 4l8 8M12 4l-8 8");
    case Tone::kWaiting:  // a clock
      return join({element("circle", {{"cx", "8"}, {"cy", "8"}, {"r", "5.5"}}, {}), path("M8 5v3.2l2.2 1.4")});
    case Tone::kRunning:  // an arrow
      return path("M5 3.5l7 4.5-7 4.5z");
    case Tone::kQuiet:  // a dash
      return path("M3.5 8h9");
    case Tone::kWarning:  // a triangle with a mark
      return path("M8 2.5l6 11H2zM8 6.5v3M8 11.6v.2");
  }
  return {};
}

std::string fixed(double value, int digits) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return text.data();
}

Html time_element(Timestamp time, std::string_view kind, std::string_view text) {
  return element("time", {{"datetime", format_rfc3339(time)}, {"class", kind}}, {text});
}

}  // namespace

Tone tone_of(store::Outcome outcome) noexcept {
  switch (outcome) {
    case store::Outcome::kTriggered:
      return Tone::kGood;
    case store::Outcome::kFiltered:
    case store::Outcome::kDuplicate:
    case store::Outcome::kTest:
    case store::Outcome::kDryRun:
      return Tone::kQuiet;
    case store::Outcome::kIgnored:
      return Tone::kWarning;
    case store::Outcome::kRejected:
      return Tone::kBad;
  }
  return Tone::kQuiet;
}

Tone tone_of(store::TriggerState state) noexcept {
  switch (state) {
    case store::TriggerState::kPending:
      return Tone::kRunning;
    case store::TriggerState::kDeferred:
      return Tone::kWaiting;
    case store::TriggerState::kStarted:
      return Tone::kGood;
    case store::TriggerState::kSkipped:
    case store::TriggerState::kSuperseded:
      return Tone::kQuiet;
    case store::TriggerState::kFailed:
      return Tone::kBad;
  }
  return Tone::kQuiet;
}

Tone tone_of(store::JobState state) noexcept {
  switch (state) {
    case store::JobState::kClaimed:
    case store::JobState::kAcknowledged:
      return Tone::kWaiting;
    case store::JobState::kRunning:
    case store::JobState::kReporting:
      return Tone::kRunning;
    case store::JobState::kSucceeded:
      return Tone::kGood;
    case store::JobState::kFailed:
      return Tone::kBad;
    case store::JobState::kLost:
      return Tone::kWarning;
  }
  return Tone::kQuiet;
}

Html badge(Tone tone, std::string_view word) {
  return element(
      "span", {{"class", class_of(tone)}},
      {element("svg", {{"viewBox", "0 0 16 16"}, {"aria-hidden", "true"}, {"focusable", "false"}}, {shape_of(tone)}),
       word});
}

std::string utc_text(Timestamp time) {
  std::string text = format_rfc3339(time);  // 2026-11-21T09:30:00.123Z
  if (text.size() >= 19) {
    text.resize(19);
    text[10] = ' ';
  }
  return text;
}

std::string age_text(Timestamp time, Timestamp now) {
  const std::int64_t difference = to_milliseconds(now) - to_milliseconds(time);
  const std::int64_t seconds = std::llabs(difference) / 1000;
  if (seconds < 5) return "just now";
  std::string amount;
  if (seconds < 90) {
    amount = std::to_string(seconds) + " s";
  } else if (seconds < 90 * 60) {
    amount = std::to_string((seconds + 30) / 60) + " min";
  } else if (seconds < 36 * 3600) {
    amount = std::to_string((seconds + 1800) / 3600) + " h";
  } else {
    amount = std::to_string((seconds + 43200) / 86400) + " d";
  }
  return difference >= 0 ? amount + " ago" : "in " + amount;
}

Html time_with_age(Timestamp time, Timestamp now) {
  return join({time_element(time, "absolute", utc_text(time) + " UTC"), " ",
               element("span", {{"class", "quiet"}}, {"(", time_element(time, "age", age_text(time, now)), ")"})});
}

Html age_with_time(Timestamp time, Timestamp now) {
  return join({time_element(time, "age", age_text(time, now)), element("br", {}, {}),
               element("span", {{"class", "quiet small"}}, {utc_text(time)})});
}

std::string duration_text(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "–";
  if (seconds < 1) return fixed(seconds * 1000, 0) + " ms";
  if (seconds < 10) return fixed(seconds, 1) + " s";
  if (seconds < 90) return fixed(seconds, 0) + " s";
  const auto whole = static_cast<std::int64_t>(std::lround(seconds));
  if (whole < 3600) return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
  return std::to_string(whole / 3600) + " h " + std::to_string(whole % 3600 / 60) + " min";
}

std::string bytes_text(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fixed(value, value < 10 ? 1 : 0) + " " + std::string(kUnits[unit]);
}

std::string count_text(std::uint64_t count) {
  std::string digits = std::to_string(count), grouped;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) grouped += "\u202f";
    grouped.push_back(digits[i]);
  }
  return grouped;
}

std::string short_ref(std::string_view ref) {
  for (const auto& [prefix, word] : {std::pair<std::string_view, std::string_view>("refs/heads/", ""),
                                     std::pair<std::string_view, std::string_view>("refs/tags/", "tag "),
                                     std::pair<std::string_view, std::string_view>("refs/", "")}) {
    if (ref.starts_with(prefix)) return std::string(word) + std::string(ref.substr(prefix.size()));
  }
  return std::string(ref);
}

Html commit(std::string_view object_id) {
  if (object_id.empty()) return {};
  return element("code", {{"class", "commit"}, {"title", object_id}}, {object_id.substr(0, 8)});
}

Html commit(std::string_view object_id, const std::string& link) {
  return link.empty() ? commit(object_id) : link_to(link, commit(object_id));
}

Html code(std::string_view text) {
  return element("code", {text});
}

Html link_to(const std::string& target, const Html& text) {
  return element("a", {{"href", target}}, {text});
}

Html external_link(const std::string& target, std::string_view text) {
  return element("a", {{"href", target}, {"rel", "noreferrer"}, {"class", "external"}},
                 {text, element("span", {{"class", "unseen"}}, {" (another site)"})});
}

Facts& Facts::add(std::string_view name, const Html& value) {
  if (!value.empty()) rows_ += element("div", {element("dt", {name}), element("dd", {value})});
  return *this;
}

Html Facts::build() const {
  return rows_.empty() ? Html() : element("dl", {{"class", "facts"}}, {rows_});
}

Table::Table(std::string_view caption, std::vector<Column> columns) : caption_(caption), columns_(std::move(columns)) {}

void Table::add_row(std::string_view key, const std::vector<Html>& cells) {
  Html row;
  for (std::size_t i = 0; i < cells.size() && i < columns_.size(); ++i) {
    const Column& column = columns_[i];
    if (i == 0) {
      row += element("th", {{"scope", "row"}, {"role", "rowheader"}, {"class", column.kind}}, {cells[i]});
    } else {
      // Cards show the column's title beside the cell; cells without content are not shown there.
      row += element("td", {{"role", "cell"}, {"class", column.kind}, {"data-title", column.title}},
                     {cells[i].empty() ? Html() : element("div", {cells[i]})});
    }
  }
  std::vector<Attribute> attributes{{"role", "row"}};
  if (!key.empty()) attributes.push_back({"data-key", key});
  rows_ += element("tr", attributes, row);
}

Html Table::build() const {
  Html head;
  for (const Column& column : columns_) {
    head += element("th", {{"scope", "col"}, {"role", "columnheader"}, {"class", column.kind}}, {column.title});
  }
  // Wide tables scroll in a frame of their own, which the keyboard must be able to reach.
  return element("div", {{"class", "table-frame"}, {"role", "region"}, {"tabindex", "0"}, {"aria-label", caption_}},
                 {element("table", {{"class", "records"}, {"role", "table"}},
                          {element("caption", {caption_}),
                           element("thead", {{"role", "rowgroup"}}, {element("tr", {{"role", "row"}}, {head})}),
                           element("tbody", {{"role", "rowgroup"}}, {rows_})})});
}

Html section(std::string_view id, std::string_view heading, const Html& content) {
  const std::string heading_id = std::string(id) + "-heading";
  return element("section", {{"id", id}, {"aria-labelledby", heading_id}},
                 {element("h2", {{"id", heading_id}}, {heading}), content});
}

Html empty_state(std::string_view title, const Html& advice) {
  return element("div", {{"class", "empty"}},
                 {element("p", {{"class", "empty-title"}}, {title}), element("p", {advice})});
}

Html text_field(std::string_view name, std::string_view label, std::string_view value, std::string_view placeholder) {
  const std::string id = "field-" + std::string(name);
  return element("div", {{"class", "field"}},
                 {element("label", {{"for", id}}, {label}), element("input",
                                                                    {{"type", "text"},
                                                                     {"id", id},
                                                                     {"name", name},
                                                                     {"value", value},
                                                                     {"placeholder", placeholder},
                                                                     {"autocomplete", "off"},
                                                                     {"spellcheck", "false"}},
                                                                    {})});
}

Html choice_field(std::string_view name, std::string_view label, std::string_view chosen,
                  const std::vector<Option>& options) {
  const std::string id = "field-" + std::string(name);
  Html choices;
  for (const Option& option : options) {
    choices += element("option", {{"value", option.value}, {"selected", when(option.value == chosen)}}, {option.text});
  }
  return element(
      "div", {{"class", "field"}},
      {element("label", {{"for", id}}, {label}), element("select", {{"id", id}, {"name", name}}, {choices})});
}

Html time_field(std::string_view name, std::string_view label, const std::optional<Timestamp>& value) {
  const std::string id = "field-" + std::string(name);
  std::string text = value ? format_rfc3339(*value).substr(0, 19) : "";
  return element(
      "div", {{"class", "field"}},
      {element("label", {{"for", id}}, {label}),
       element("input", {{"type", "datetime-local"}, {"step", "1"}, {"id", id}, {"name", name}, {"value", text}}, {})});
}

}  // namespace penstock::server::pages
