#include "core/jobs/job_log.h"

#include <algorithm>

#include "core/base/text.h"

namespace penstock::jobs {
namespace {

constexpr std::size_t kMaxLineCharacters = 2000;
constexpr std::size_t kMaxWaiting = 2000;

std::string clean(std::string_view line) {
  std::string text = truncate_utf8(line, kMaxLineCharacters, 4 * kMaxLineCharacters);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

}  // namespace

JobLog::JobLog(store::Store& store, const Clock& clock, std::string job_id)
    : store_(store), clock_(clock), job_id_(std::move(job_id)) {}

void JobLog::add(std::string_view text) {
  std::lock_guard lock(mutex_);
  while (true) {
    const std::size_t end = text.find_first_of("\r\n");
    const std::string_view line = text.substr(0, end);
    if (!line.empty()) add_line(line);
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

void JobLog::add_line(std::string_view line) {
  if (waiting_.size() >= kMaxWaiting) {
    ++dropped_;
    return;
  }
  if (dropped_ > 0) {
    waiting_.push_back({0, clock_.now(), std::to_string(dropped_) + " lines were dropped"});
    dropped_ = 0;
  }
  waiting_.push_back({0, clock_.now(), clean(line)});
}

void JobLog::flush() {
  std::lock_guard flushing(flush_mutex_);
  std::vector<store::LogLine> batch;
  {
    std::lock_guard lock(mutex_);
    if (waiting_.empty()) return;
    batch = waiting_;
  }
  store_.append_job_log(job_id_, batch);
  std::lock_guard lock(mutex_);
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(batch.size()));
}

}  // namespace penstock::jobs
