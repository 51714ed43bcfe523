#include "core/trigger/icalendar.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::trigger {
namespace {

constexpr std::size_t kMaxLineBytes = 64u << 10;
constexpr std::size_t kMaxEvents = 20'000;
constexpr std::size_t kMaxDepth = 16;
constexpr std::size_t kMaxTimesListed = 5'000;

[[noreturn]] void refuse(int line, const std::string& message) {
  throw Error(ErrorKind::kInvalidInput, "line " + std::to_string(line) + ": " + message);
}

// A property, unfolded: name;parameter=value:value.
struct ContentLine {
  int line = 0;
  std::string name;  // upper case
  std::vector<std::pair<std::string, std::string>> parameters;
  std::string value;

  std::string parameter(std::string_view wanted) const {
    for (const auto& [key, text] : parameters) {
      if (key == wanted) return text;
    }
    return "";
  }
};

std::string to_upper(std::string_view text) {
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return upper;
}

// Unfolds the file line by line.
class LineReader {
 public:
  explicit LineReader(std::string_view text) : text_(text) {}

  // False at the end. Empty lines are left out.
  bool next(std::string& content, int& line) {
    do {
      if (at_ >= text_.size()) return false;
      line = ++line_;
      content = physical();
      while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) {
        ++line_;
        ++at_;
        content += physical();
        if (content.size() > kMaxLineBytes) refuse(line, "longer than 64 KiB");
      }
    } while (content.empty());
    return true;
  }
  int line() const noexcept { return line_; }

 private:
  std::string_view physical() {
    const std::size_t end = std::min(text_.find('\n', at_), text_.size());
    std::string_view found = text_.substr(at_, end - at_);
    at_ = std::min(end + 1, text_.size());
    if (!found.empty() && found.back() == '\r') found.remove_suffix(1);
    if (found.size() > kMaxLineBytes) refuse(line_, "longer than 64 KiB");
    return found;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 0;
};

ContentLine split_line(std::string_view text, int line) {
  ContentLine result{.line = line};
  std::size_t at = std::min(text.find_first_of(";:"), text.size());
  result.name = to_upper(text.substr(0, at));
  const auto is_name_character = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  };
  if (at == text.size() || result.name.empty() ||
      !std::all_of(result.name.begin(), result.name.end(), is_name_character)) {
    refuse(line, "expected a property such as DTSTART:20261225, found " + in_quotes(text));
  }
  while (text[at] == ';') {
    const std::size_t equals = text.find_first_of("=;:", ++at);
    if (equals == std::string_view::npos || text[equals] != '=') {
      refuse(line, "expected a parameter such as VALUE=DATE, found " + in_quotes(text.substr(at)));
    }
    std::string key = to_upper(text.substr(at, equals - at));
    at = equals + 1;
    std::string value;
    bool quoted = false;
    for (; at < text.size() && (quoted || (text[at] != ';' && text[at] != ':')); ++at) {
      if (text[at] == '"') {
        quoted = !quoted;
      } else {
        value += text[at];
      }
    }
    if (at == text.size()) refuse(line, "expected a colon and a value after the parameters");
    result.parameters.emplace_back(std::move(key), std::move(value));
    if (result.parameters.size() > 100) refuse(line, "more than 100 parameters");
  }
  result.value = text.substr(at + 1);
  return result;
}

std::string unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      plain += text[i];
      continue;
    }
    ++i;
    plain += text[i] == 'n' || text[i] == 'N' ? ' ' : text[i];
  }
  return plain;
}

std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return std::nullopt;
  const auto number = parse_unsigned(text.substr(at, count));
  return number ? std::optional<int>(static_cast<int>(*number)) : std::nullopt;
}

// 20261225, 20261225T080000, 20261225T080000Z
std::optional<IcalTime> parse_time_text(std::string_view text) {
  const auto year = digits(text, 0, 4), month = digits(text, 4, 2), day = digits(text, 6, 2);
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *year < 1) return std::nullopt;
  IcalTime time;
  time.local = std::chrono::local_days(date);
  if (text.size() == 8) {
    time.is_date = true;
    return time;
  }
  const auto hour = digits(text, 9, 2), minute = digits(text, 11, 2), second = digits(text, 13, 2);
  if (text[8] != 'T' || !hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  time.local += std::chrono::hours(*hour) + std::chrono::minutes(*minute) + std::chrono::seconds(*second);
  time.is_utc = text.size() == 16 && text[15] == 'Z';
  if (text.size() != 15 && !time.is_utc) return std::nullopt;
  return time;
}

IcalTime parse_time(const ContentLine& property, std::string_view text) {
  auto time = parse_time_text(text);
  const std::string type = to_upper(property.parameter("VALUE"));
  const bool fits = time && (type.empty() || type == (time->is_date ? "DATE" : "DATE-TIME"));
  if (!fits) {
    refuse(property.line, property.name + ": expected a date such as 20261225 or a time such as 20261225T080000Z" +
                              (type.empty() ? "" : " as VALUE says") + ", found " + in_quotes(text));
  }
  time->zone = property.parameter("TZID");
  time->line = property.line;
  return *time;
}

void parse_times(const ContentLine& property, std::vector<IcalTime>& times) {
  if (to_upper(property.parameter("VALUE")) == "PERIOD") {
    refuse(property.line, property.name + " with periods is not supported; write them as events");
  }
  for (const std::string& item : split(property.value, ',')) {
    times.push_back(parse_time(property, item));
    if (times.size() > kMaxTimesListed) refuse(property.line, "more than 5000 dates for one event");
  }
}

// P1D, P1W, PT4H30M, P1DT12H
std::chrono::seconds parse_duration(const ContentLine& property) {
  std::string_view text = property.value;
  const auto wrong = [&]() {
    refuse(property.line, "DURATION: expected a duration such as P1D or PT4H30M, found " + in_quotes(property.value));
  };
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  if (text.size() < 3 || text.front() != 'P') wrong();
  std::chrono::seconds total{0};
  bool of_day = false;
  for (std::size_t at = 1; at < text.size();) {
    if (text[at] == 'T' && !of_day) {
      of_day = true;
      ++at;
      if (at == text.size()) wrong();
      continue;
    }
    const std::size_t unit = text.find_first_not_of("0123456789", at);
    if (unit == std::string_view::npos || unit == at || unit - at > 6) wrong();
    const auto number = static_cast<std::int64_t>(*parse_unsigned(text.substr(at, unit - at)));
    if (text[unit] == 'W' && !of_day) {
      total += std::chrono::weeks(number);
    } else if (text[unit] == 'D' && !of_day) {
      total += std::chrono::days(number);
    } else if (text[unit] == 'H' && of_day) {
      total += std::chrono::hours(number);
    } else if (text[unit] == 'M' && of_day) {
      total += std::chrono::minutes(number);
    } else if (text[unit] == 'S' && of_day) {
      total += std::chrono::seconds(number);
    } else {
      wrong();
    }
    at = unit + 1;
  }
  return total;
}

struct OpenEvent {
  IcalEvent event;
  bool has_start = false;
};

void read_property(OpenEvent& open, const ContentLine& property) {
  IcalEvent& event = open.event;
  const auto once = [&](bool seen) {
    if (seen) refuse(property.line, property.name + " stands twice in an event");
  };
  if (property.name == "DTSTART") {
    once(open.has_start);
    event.start = parse_time(property, property.value);
    open.has_start = true;
  } else if (property.name == "DTEND") {
    once(event.end.has_value());
    event.end = parse_time(property, property.value);
  } else if (property.name == "DURATION") {
    once(event.duration.has_value());
    event.duration = parse_duration(property);
  } else if (property.name == "RRULE") {
    once(event.rule.has_value());
    try {
      event.rule = parse_recurrence_rule(property.value);
    } catch (const Error& error) {
      refuse(property.line, error.what());
    }
    if (!event.rule->until.empty()) {
      event.until = parse_time_text(event.rule->until);
      if (!event.until) {
        refuse(property.line, "UNTIL: expected a date or a time, found " + in_quotes(event.rule->until));
      }
    }
  } else if (property.name == "EXRULE") {
    refuse(property.line, "EXRULE is not supported; write the days as EXDATE");
  } else if (property.name == "RDATE") {
    parse_times(property, event.added);
  } else if (property.name == "EXDATE") {
    parse_times(property, event.excluded);
  } else if (property.name == "RECURRENCE-ID") {
    once(event.instance.has_value());
    if (!property.parameter("RANGE").empty()) refuse(property.line, "RECURRENCE-ID with RANGE is not supported");
    event.instance = parse_time(property, property.value);
  } else if (property.name == "UID") {
    event.uid = property.value;
  } else if (property.name == "SUMMARY") {
    event.summary = truncate_utf8(unescape(property.value), 100, 400);
  } else if (property.name == "STATUS") {
    event.cancelled = to_upper(property.value) == "CANCELLED";
  }
}

void check_event(const OpenEvent& open) {
  const IcalEvent& event = open.event;
  if (!open.has_start) refuse(event.line, "the event has no DTSTART");
  if (event.end && event.end->is_date != event.start.is_date) {
    refuse(event.end->line,
           "DTEND: expected a " + std::string(event.start.is_date ? "date" : "time") + ", as DTSTART is one");
  }
  if (event.end && event.duration) refuse(event.line, "the event has both DTEND and DURATION");
}

}  // namespace

std::vector<IcalEvent> parse_icalendar(std::string_view text) {
  if (text.size() > kMaxIcalendarBytes) throw Error(ErrorKind::kInvalidInput, "the file is larger than 4 MiB");
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  std::vector<IcalEvent> events;
  std::vector<std::string> components;
  std::optional<OpenEvent> open;  // while components is VCALENDAR, VEVENT
  LineReader reader(text);
  std::string content;
  bool any = false;
  for (int line = 0; reader.next(content, line);) {
    // Only now: a fold may cut a character.
    if (!is_valid_utf8(content)) refuse(line, "not UTF-8");
    const ContentLine property = split_line(content, line);
    if (property.name == "BEGIN") {
      components.push_back(to_upper(property.value));
      if (components.front() != "VCALENDAR") refuse(line, "expected BEGIN:VCALENDAR, found " + in_quotes(content));
      if (components.size() > kMaxDepth) refuse(line, "components more than 16 deep");
      any = true;
      if (components.size() == 2 && components.back() == "VEVENT") {
        if (events.size() >= kMaxEvents) refuse(line, "more than 20000 events");
        open.emplace().event.line = line;
      }
    } else if (components.empty()) {
      refuse(line, "expected BEGIN:VCALENDAR, found " + in_quotes(content));
    } else if (property.name == "END") {
      if (to_upper(property.value) != components.back()) {
        refuse(line, "expected END:" + components.back() + ", found " + in_quotes(content));
      }
      components.pop_back();
      if (components.size() == 1 && open) {
        check_event(*open);
        events.push_back(std::move(open->event));
        open.reset();
      }
    } else if (components.size() == 2 && open) {
      read_property(*open, property);
    }
  }
  if (!any) throw Error(ErrorKind::kInvalidInput, "the file is empty; expected BEGIN:VCALENDAR");
  if (!components.empty()) refuse(reader.line(), "the file ends within " + components.back());
  return events;
}

}  // namespace penstock::trigger
