#include <algorithm>

#include "core/base/text.h"
#include "core/hooks/json_writer.h"
#include "core/hooks/path_filter.h"

namespace penstock::hooks {
namespace {

constexpr std::size_t kMaxShownPath = 500;
constexpr std::size_t kMaxShownNotes = 50;

void write_path_match(ObjectWriter& parent, std::string_view member, const std::optional<PathMatch>& match) {
  if (!match || (match->path.empty() && match->where.empty())) {
    parent.raw(member, "null");
    return;
  }
  ObjectWriter object(parent.name(member));
  object.text("path", truncate_utf8(match->path, kMaxShownPath, 4 * kMaxShownPath));
  object.text_or_null("pattern", match->pattern);
  object.text_or_null("where", match->where);
}

}  // namespace

std::string to_json(const FileVerdict& verdict, const Comparison& comparison) {
  std::string out;
  {
    ObjectWriter object(out);
    object.text("basis", comparison.basis);
    object.text_or_null("baseCommitId", comparison.base_commit_id);
    object.number("changed", comparison.changed);
    object.raw("complete", comparison.is_complete ? "true" : "false");
    if (!comparison.note.empty()) object.text("note", comparison.note);
    object.number("lookedAt", verdict.looked_at);
    object.number("ignored", verdict.ignored);
    object.number("excluded", verdict.excluded);
    object.number("notIncluded", verdict.not_included);
    object.number("notRouted", verdict.not_routed);
    write_path_match(object, "decidedBy", verdict.decided_by);
    if (!verdict.pipelines.empty()) {
      write_array(object.name("pipelines"), verdict.pipelines, [&](const RoutedPipeline& routed) {
        ObjectWriter item(out);
        item.text("pipeline", routed.pipeline);
        {
          ObjectWriter captures(item.name("captures"));
          for (const auto& [name, value] : routed.captures) captures.text(name, value);
        }
        write_path_match(item, "decidedBy", routed.decided_by);
      });
    }
    if (!verdict.notes.empty()) {
      const std::span<const std::string> all = verdict.notes;
      write_array(object.name("notes"), all.first(std::min(all.size(), kMaxShownNotes)),
                  [&](const std::string& note) { append_json_string(out, note); });
    }
    object.text("reason", verdict.reason);
  }
  return out;
}

}  // namespace penstock::hooks
