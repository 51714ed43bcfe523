// What several pages show in the same way.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "core/store/records.h"
#include "server/pages/html.h"

namespace penstock::server::pages {

// How a state is to be seen: each tone has a colour and a shape of its own, and always the word beside it.
enum class Tone { kGood, kBad, kWaiting, kRunning, kQuiet, kWarning };
Tone tone_of(store::Outcome outcome) noexcept;
Tone tone_of(store::TriggerState state) noexcept;
Tone tone_of(store::JobState state) noexcept;
Html badge(Tone tone, std::string_view word);
template <typename State>
Html state_badge(State state) {
  return badge(tone_of(state), store::to_string(state));
}

// "2026-11-21 09:30:00 UTC", and how long ago that was at `now`.
Html time_with_age(Timestamp time, Timestamp now);
// How long ago, with the time itself below: for narrow columns.
Html age_with_time(Timestamp time, Timestamp now);
std::string age_text(Timestamp time, Timestamp now);  // "3 min ago", "in 2 h"
std::string utc_text(Timestamp time);                 // "2026-11-21 09:30:00"
std::string duration_text(double seconds);            // "320 ms", "4.2 s", "3 min 20 s"
std::string bytes_text(std::uint64_t bytes);          // "4.0 KiB"
std::string count_text(std::uint64_t count);          // "12 345"

// "main" for "refs/heads/main", "tag v1" for "refs/tags/v1".
std::string short_ref(std::string_view ref);
// The first eight digits, as code.
Html commit(std::string_view object_id);
Html commit(std::string_view object_id, const std::string& link);
Html code(std::string_view text);
Html link_to(const std::string& target, const Html& text);
// Another site's page: says so to those who do not see the sign.
Html external_link(const std::string& target, std::string_view text);

// Names and values; a pair without a value is left out.
class Facts {
 public:
  Facts& add(std::string_view name, const Html& value);
  Facts& add_text(std::string_view name, std::string_view value) { return add(name, Html(value)); }
  Html build() const;

 private:
  Html rows_;
};

// A table that becomes a list of cards on a narrow screen. Rows have as many cells as there are columns.
class Table {
 public:
  struct Column {
    std::string_view title;
    std::string_view kind = "";  // "number", "wide"
  };
  Table(std::string_view caption, std::vector<Column> columns);
  // The first cell is the row's header. `key` tells a live table which row it is; may be empty.
  void add_row(std::string_view key, const std::vector<Html>& cells);
  bool empty() const noexcept { return rows_.empty(); }
  Html build() const;

 private:
  std::string caption_;
  std::vector<Column> columns_;
  Html rows_;
};

// A section with a heading of the second level; `id` is what one can link to.
Html section(std::string_view id, std::string_view heading, const Html& content);
Html empty_state(std::string_view title, const Html& advice);

struct Option {
  std::string_view value, text;
};
Html text_field(std::string_view name, std::string_view label, std::string_view value,
                std::string_view placeholder = "");
Html choice_field(std::string_view name, std::string_view label, std::string_view chosen,
                  const std::vector<Option>& options);
// Takes and gives UTC.
Html time_field(std::string_view name, std::string_view label, const std::optional<Timestamp>& value);

}  // namespace penstock::server::pages
