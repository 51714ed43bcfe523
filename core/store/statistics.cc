#include "core/store/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "core/store/id_bounds.h"
#include "core/store/sqlite.h"
#include "core/store/uuid_blob.h"

namespace penstock::store {
namespace {

constexpr double kShortest = 0.01;
constexpr double kStep = 1.1;

template <typename Array>
void add_each(Array& to, const Array& from) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
}

// Where a span of time is to be looked for: ids can be off their times by as much as a clock has jumped.
struct Ids {
  std::string low, high;
};

void count_deliveries(Connection& connection, const Ids& ids, Timestamp from, Timestamp until, HistoryCounts& counts) {
  Statement rows = connection.prepare(
      "SELECT outcome, count(*) FROM (SELECT outcome FROM deliveries WHERE id >= ?1 AND id < ?2 AND received_at >= ?3 "
      "AND received_at < ?4 LIMIT ?5) GROUP BY outcome");
  rows.bind(Blob{ids.low}, Blob{ids.high}, from, until, kMaxCounted);
  std::int64_t total = 0;
  while (rows.step()) {
    total += rows.integer(1);
    if (const auto outcome = parse_outcome(rows.text(0))) {
      counts.deliveries[static_cast<std::size_t>(*outcome)] += static_cast<std::uint64_t>(rows.integer(1));
    }
  }
  counts.complete = counts.complete && total < kMaxCounted;
}

void count_triggers(Connection& connection, const Ids& ids, Timestamp from, Timestamp until, HistoryCounts& counts) {
  Statement rows = connection.prepare(
      "SELECT state, count(*) FROM (SELECT state FROM triggers WHERE id >= ?1 AND id < ?2 AND created_at >= ?3 AND "
      "created_at < ?4 LIMIT ?5) GROUP BY state");
  rows.bind(Blob{ids.low}, Blob{ids.high}, from, until, kMaxCounted);
  std::int64_t total = 0;
  while (rows.step()) {
    total += rows.integer(1);
    if (const auto state = parse_trigger_state(rows.text(0))) {
      counts.triggers[static_cast<std::size_t>(*state)] += static_cast<std::uint64_t>(rows.integer(1));
    }
  }
  counts.complete = counts.complete && total < kMaxCounted;
}

void count_jobs(Connection& connection, Timestamp from, Timestamp until, HistoryCounts& counts) {
  Statement rows = connection.prepare(
      "SELECT jobs.state, jobs.finished_at, deliveries.received_at, jobs.artifact_key <> '' FROM jobs LEFT JOIN "
      "deliveries ON deliveries.id = jobs.delivery_id WHERE jobs.claimed_at >= ?1 AND jobs.claimed_at < ?2 LIMIT ?3");
  rows.bind(from, until, kMaxCounted);
  int total = 0;
  while (rows.step()) {
    ++total;
    const auto state = parse_job_state(rows.text(0));
    if (!state) continue;
    ++counts.jobs[static_cast<std::size_t>(*state)];
    if (*state != JobState::kSucceeded || rows.is_null(1) || rows.is_null(2) || rows.integer(3) == 0) continue;
    const std::chrono::duration<double> took = rows.time(1) - rows.time(2);
    counts.push_to_artifact.add(took.count());
  }
  counts.complete = counts.complete && total < kMaxCounted;
}

}  // namespace

void DurationCounts::add(double seconds) noexcept {
  const double step = seconds > kShortest ? std::log(seconds / kShortest) / std::log(kStep) : 0;
  ++steps_[std::min(kSteps - 1, static_cast<std::size_t>(step))];
  ++count_;
}

void DurationCounts::add(const DurationCounts& other) noexcept {
  add_each(steps_, other.steps_);
  count_ += other.count_;
}

std::optional<double> DurationCounts::quantile(double fraction) const noexcept {
  if (count_ == 0) return std::nullopt;
  const auto rank = static_cast<std::uint64_t>(std::ceil(fraction * static_cast<double>(count_)));
  std::uint64_t below = 0;
  for (std::size_t step = 0; step < kSteps; ++step) {
    below += steps_[step];
    if (below >= std::max<std::uint64_t>(rank, 1)) return kShortest * std::pow(kStep, static_cast<double>(step) + 0.5);
  }
  return std::nullopt;
}

void HistoryCounts::add(const HistoryCounts& other) noexcept {
  add_each(deliveries, other.deliveries);
  add_each(triggers, other.triggers);
  add_each(jobs, other.jobs);
  push_to_artifact.add(other.push_to_artifact);
  complete = complete && other.complete;
}

std::uint64_t HistoryCounts::all_deliveries() const noexcept {
  return std::accumulate(deliveries.begin(), deliveries.end(), std::uint64_t{0});
}

HistoryCounts count_history(Connection& connection, Timestamp from, Timestamp until) {
  HistoryCounts counts;
  const std::chrono::milliseconds skew = load_bound(connection, "id_skew_ms");
  const Ids ids{smallest_uuid_blob(from - skew), smallest_uuid_blob(until + skew)};
  count_deliveries(connection, ids, from, until, counts);
  count_triggers(connection, ids, from, until, counts);
  count_jobs(connection, from, until, counts);
  return counts;
}

}  // namespace penstock::store
