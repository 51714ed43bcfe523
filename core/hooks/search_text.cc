#include "core/hooks/search_text.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/hooks/event_fields.h"

namespace penstock::hooks {
namespace {

constexpr std::size_t kMaxSearchText = 4'096;
constexpr std::size_t kMaxCommits = 100;

void append_line(std::string& text, std::string_view line) {
  if (line.empty() || text.size() >= kMaxSearchText) return;
  if (!text.empty()) text += '\n';
  text += line;
}

void append_messages(std::string& text, const OptionalValue& commits) {
  if (!commits || commits->type() != json::Type::kArray) return;
  std::size_t seen = 0;
  commits->for_each_element([&](json::Value commit) {
    if (++seen <= kMaxCommits && commit.type() == json::Type::kObject)
      append_line(text, text_of(find(commit, "comment"), kMaxSearchText));
  });
}

}  // namespace

std::string search_text(const Event& event) {
  std::string text;
  if (event.repository) text = event.repository->name;
  if (event.document) {
    const OptionalValue resource = find(event.document->root(), "resource");
    append_messages(text, find(resource, "commits"));
    if (is_about_pull_requests(event.event_type)) {
      OptionalValue source = find(resource, "pullRequest");
      if (!source || source->type() != json::Type::kObject) source = resource;
      append_line(text, text_of(find(source, "title"), kMaxSearchText));
      append_line(text, text_of(find(find(source, "lastMergeCommit"), "comment"), kMaxSearchText));
    }
  }
  return text.size() <= kMaxSearchText ? text : truncate_utf8(text, kMaxSearchText, kMaxSearchText);
}

std::string search_text_of_body(std::string_view body) {
  try {
    return search_text(parse_event(body));
  } catch (const Error&) {
    return {};
  }
}

}  // namespace penstock::hooks
