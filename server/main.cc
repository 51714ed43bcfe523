#include <string_view>

#include "core/jobs/process_guard.h"
#include "server/command_line.h"

int main(int argc, char** argv) {
  // Not for people: the server starts itself so, see the header.
  if (argc > 1 && std::string_view(argv[1]) == penstock::jobs::kGuardCommand) {
    return penstock::jobs::run_process_guard(argc - 2, argv + 2);
  }
  return penstock::server::run_command_line(argc, argv);
}
