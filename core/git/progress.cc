#include "core/git/progress.h"

#include "core/base/secret.h"
#include "core/base/text.h"
#include "core/git/fetch_errors.h"

namespace penstock::git {
namespace {

constexpr std::chrono::seconds kInterval{1};
constexpr std::size_t kMaxOtherLines = 200;  // a server may say what it likes, but not fill the log
constexpr std::size_t kShortestSecret = 4;   // masking less would only garble the text

// "remote: Counting objects" of "remote: Counting objects:  10% (1/10)"; empty for a line without a percentage.
std::string_view phase_of(std::string_view line) {
  const auto percent = line.find('%');
  if (percent == std::string_view::npos || percent == 0) return {};
  const auto colon = line.substr(0, percent).rfind(':');
  if (colon == std::string_view::npos) return {};
  const std::string_view number = trim(line.substr(colon + 1, percent - colon - 1));
  if (number.empty() || number.find_first_not_of("0123456789") != std::string_view::npos) return {};
  return line.substr(0, colon);
}

// What nobody needs in a job's log: what ssh says at LogLevel DEBUG1, and which refs a mirror has now.
bool is_chatter(std::string_view line) {
  if (line.find("-> refs/penstock/") != std::string_view::npos) return true;
  return line.starts_with("From ") || line.starts_with("debug1:") || line.starts_with("Transferred: sent") ||
         line.starts_with("Bytes per second:") || line.starts_with("@@@@");
}

}  // namespace

std::string mask(std::string_view text, const std::vector<std::string>& secrets) {
  std::string result(text);
  for (const std::string& secret : secrets) {
    if (secret.size() < kShortestSecret) continue;
    for (auto at = result.find(secret); at != std::string::npos; at = result.find(secret, at + 3))
      result.replace(at, secret.size(), "***");
  }
  return result;
}

ProgressFilter::ProgressFilter(std::function<void(std::string_view)> sink, std::vector<std::string> secrets,
                               Clock clock)
    : sink_(std::move(sink)), secrets_(std::move(secrets)), clock_(std::move(clock)) {}

ProgressFilter::~ProgressFilter() {
  for (std::string& secret : secrets_) wipe(secret);
}

void ProgressFilter::feed(std::string_view line) {
  line = trim(line);
  if (line.empty() || is_chatter(line) || !sink_) return;
  const std::string_view phase = phase_of(line);
  if (phase.empty()) {
    if (++other_lines_ <= kMaxOtherLines) emit(line);
    return;
  }
  const auto now = clock_();
  const bool done = line.ends_with("done.") || line.ends_with("done");
  if (phase == phase_ && !done && now - last_ < kInterval) return;
  phase_ = phase;
  last_ = now;
  emit(line);
}

void ProgressFilter::emit(std::string_view line) {
  sink_(printable_line(mask(line, secrets_)));
}

}  // namespace penstock::git
