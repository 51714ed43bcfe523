#include "server/pages/overview_page.h"

#include <array>
#include <cmath>

#include "server/pages/charts.h"
#include "server/pages/parts.h"

namespace penstock::server::pages {
namespace {

using std::chrono::hours;
using store::HistoryCounts;
using store::JobState;
using store::Outcome;
using store::TriggerState;

constexpr std::array kPeriods = {Period{"24h", "24 hours", hours(1), 24}, Period{"7d", "7 days", hours(6), 28},
                                 Period{"30d", "30 days", hours(24), 30}};

Html card(std::string_view label, const Html& figure, const Html& detail) {
  return element("li", {{"class", "card"}},
                 {element("p", {{"class", "label"}}, {label}), element("p", {{"class", "figure"}}, {figure}),
                  element("p", {{"class", "detail"}}, {detail})});
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return "–";
  // Not everything is 100 % as long as something is missing.
  const double exact = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  const double shown = part < whole ? std::min(99.9, std::floor(exact * 10) / 10) : 100;
  const auto tenths = static_cast<int>(std::lround(shown * 10));
  return std::to_string(tenths / 10) + (tenths % 10 ? "." + std::to_string(tenths % 10) : "") + " %";
}

std::string quantile_text(const HistoryCounts& counts, double fraction) {
  const auto value = counts.push_to_artifact.quantile(fraction);
  return value ? duration_text(*value) : "–";
}

std::string many(std::uint64_t count, std::string_view one, std::string_view more) {
  return count_text(count) + " " + std::string(count == 1 ? one : more);
}

Html cards(const OverviewView& view) {
  const HistoryCounts& total = view.series.total;
  const std::uint64_t succeeded = total.of(JobState::kSucceeded);
  const std::uint64_t ended = succeeded + total.of(JobState::kFailed) + total.of(JobState::kLost);
  std::uint64_t waiting = 0;
  for (const store::TriggerBacklog& backlog : view.backlog) waiting += backlog.count;
  return element(
      "ul", {{"class", "cards"}},
      {card("Jobs that succeeded", Html(percent(succeeded, ended)),
            Html(count_text(succeeded) + " of " + many(ended, "job", "jobs") + " that ended")),
       card("From push to artifact", Html(quantile_text(total, 0.5)),
            Html("half of them; 95 % within " + quantile_text(total, 0.95))),
       card("Deliveries", Html(count_text(total.all_deliveries())),
            Html(count_text(total.of(Outcome::kTriggered)) + " started something")),
       card("Failures",
            Html(count_text(total.of(TriggerState::kFailed) + total.of(JobState::kFailed) + total.of(JobState::kLost))),
            Html(many(total.of(TriggerState::kFailed), "trigger", "triggers") + ", " +
                 many(total.of(JobState::kFailed) + total.of(JobState::kLost), "job", "jobs"))),
       card("Waiting now", Html(count_text(waiting)), Html(waiting == 1 ? "trigger" : "triggers"))});
}

std::vector<double> values(const Series& series, double (*value)(const HistoryCounts&)) {
  std::vector<double> list;
  for (const Series::Column& column : series.columns) list.push_back(value(column.counts));
  return list;
}

double count(std::uint64_t number) {
  return static_cast<double>(number);
}

void name_columns(const Series& series, std::vector<std::string>& columns, std::vector<std::string>& axis) {
  for (const Series::Column& column : series.columns) {
    const std::string text = utc_text(column.begin);  // 2026-11-21 09:30:00
    columns.push_back(series.width >= hours(24) ? text.substr(0, 10) : text.substr(0, 16));
    axis.push_back(series.width == hours(1) ? text.substr(11, 5) : text.substr(8, 2) + "." + text.substr(5, 2) + ".");
  }
}

std::string column_title(const Series& series) {
  return series.width == hours(1) ? "Hour from (UTC)" : series.width == hours(24) ? "Day (UTC)" : "From (UTC)";
}

Html plots(const Series& series) {
  std::vector<std::string> columns, axis;
  name_columns(series, columns, axis);
  const std::string title = column_title(series);
  const BarPlot deliveries{
      .id = "plot-deliveries",
      .title = "Deliveries by outcome",
      .column_title = title,
      .columns = columns,
      .axis = axis,
      .parts = {
          {"triggered", "good",
           values(series, [](const HistoryCounts& c) { return count(c.of(Outcome::kTriggered)); })},
          {"filtered and others", "quiet",
           values(series,
                  [](const HistoryCounts& c) {
                    return count(c.all_deliveries() - c.of(Outcome::kTriggered) - c.of(Outcome::kRejected));
                  })},
          {"rejected", "bad", values(series, [](const HistoryCounts& c) { return count(c.of(Outcome::kRejected)); })}}};
  LinePlot latency{.id = "plot-latency",
                   .title = "From push to artifact",
                   .column_title = title,
                   .columns = columns,
                   .axis = axis,
                   .lines = {{"half of them within", {}}, {"95 % within", {}}},
                   .label = duration_text};
  for (const Series::Column& column : series.columns) {
    latency.lines[0].values.push_back(column.counts.push_to_artifact.quantile(0.5));
    latency.lines[1].values.push_back(column.counts.push_to_artifact.quantile(0.95));
  }
  const BarPlot failures{
      .id = "plot-failures",
      .title = "Failures",
      .column_title = title,
      .columns = columns,
      .axis = axis,
      .parts = {
          {"jobs failed", "bad", values(series, [](const HistoryCounts& c) { return count(c.of(JobState::kFailed)); })},
          {"jobs lost", "waiting", values(series, [](const HistoryCounts& c) { return count(c.of(JobState::kLost)); })},
          {"triggers failed", "running",
           values(series, [](const HistoryCounts& c) { return count(c.of(TriggerState::kFailed)); })}}};
  return element("div", {{"class", "plots"}}, {draw(deliveries), draw(latency), draw(failures)});
}

Html periods(const Period& chosen) {
  Html items;
  for (const Period& period : kPeriods) {
    std::vector<Attribute> attributes{{"href", "/?period=" + std::string(period.name)}};
    if (period.name == chosen.name) attributes.push_back({"aria-current", "true"});
    items += element("li", {element("a", attributes, Html(period.title))});
  }
  return element("nav", {{"aria-label", "Period"}, {"class", "period-choice"}},
                 {element("ul", {{"class", "periods"}}, {items})});
}

Html failed_jobs(const OverviewView& view) {
  if (view.failed_jobs.empty())
    return section("failed", "Jobs that failed last", element("p", {{"class", "quiet"}}, {"None in the history."}));
  Table table("The newest of them", {{"Pipeline", "wide"}, {"Kind"}, {"Message", "wide"}, {"When", "time"}});
  for (const store::Job& job : view.failed_jobs) {
    table.add_row(job.id, {element("a", {{"href", path_to("jobs", job.id)}, {"class", "row-link"}},
                                   {job.pipeline.empty() ? job.action_type : job.pipeline}),
                           Html(job.failure_type), element("span", {{"class", "clamp"}}, {job.failure_message}),
                           age_with_time(job.finished_at.value_or(job.claimed_at), view.now)});
  }
  return section("failed", "Jobs that failed last",
                 join({table.build(), element("p", {link_to("/jobs?state=failed", "All jobs that failed")})}));
}

}  // namespace

const Period& find_period(std::string_view name) noexcept {
  for (const Period& period : kPeriods) {
    if (period.name == name) return period;
  }
  return kPeriods.front();
}

listener::Response show_overview(const OverviewView& view) {
  Html note;
  if (!view.series.complete) {
    note = element("p", {{"class", "quiet"}, {"role", "status"}},
                   {"Not everything of this period is counted yet; the figures grow with the next look."});
  }
  const std::vector<Attribute> live{{"id", "figures"}, {"data-refresh", "on"}};
  return show(200, {.title = "Overview", .place = Place::kOverview, .visitor = view.visitor, .now = view.now},
              join({element("div", {{"class", "title-row"}}, {element("h1", {"Overview"}), periods(*view.period)}),
                    element("div", live, join({note, cards(view), plots(view.series)})), failed_jobs(view)}));
}

}  // namespace penstock::server::pages
