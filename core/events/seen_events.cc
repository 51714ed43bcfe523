#include "core/events/seen_events.h"

namespace penstock::events {

bool SeenEvents::add(std::string_view id, TimePoint now) {
  if (id.empty() || id.size() > options_.max_id_bytes) return true;
  std::lock_guard lock(mutex_);
  while (!entries_.empty() && (entries_.size() >= options_.max_ids || now - entries_.front().at > options_.kept)) {
    // One that comes again just when it would make place for itself counts as seen all the same.
    if (entries_.front().id == id && now - entries_.front().at <= options_.kept) break;
    by_id_.erase(entries_.front().id);
    entries_.pop_front();
  }
  if (by_id_.contains(id)) return false;
  entries_.push_back({std::string(id), now});
  by_id_.emplace(entries_.back().id, std::prev(entries_.end()));
  return true;
}

}  // namespace penstock::events
