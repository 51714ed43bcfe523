// The guard as a program of its own, for tests of what starts it.
#include "core/jobs/process_guard.h"

int main(int argc, char** argv) {
  return penstock::jobs::run_process_guard(argc - 2, argv + 2);
}
