// The invariant of a fuzz target: what does not hold ends the run.
#pragma once

#include <cstdlib>

namespace penstock {

inline void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace penstock
