#include "core/store/troubles.h"

namespace penstock::store {

void Troubles::note(Trouble::Part part, const Error* failure) {
  Trouble trouble{.part = part};
  std::lock_guard telling(telling_);
  {
    std::lock_guard lock(mutex_);
    Episode& episode = episodes_[static_cast<std::size_t>(part)];
    if (!failure && !episode.open) return;
    if (failure) {
      episode.cause = failure->what();
      ++episode.failures;
      if (episode.open) return;
      episode.open = true;
      episode.began = std::chrono::steady_clock::now();
      trouble.state = Trouble::State::kBegins;
      trouble.kind = failure->kind();
    } else {
      trouble.state = Trouble::State::kIsOver;
      trouble.lasted =
          std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - episode.began);
    }
    trouble.cause = episode.cause;
    trouble.failures = episode.failures;
    if (!failure) episode = {};
  }
  if (tell_) tell_(trouble);
}

std::string Troubles::current(Trouble::Part part) const {
  std::lock_guard lock(mutex_);
  return episodes_[static_cast<std::size_t>(part)].cause;
}

}  // namespace penstock::store
