#include <csignal>
#include <iostream>
#include <optional>
#include <thread>

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "server/app.h"
#include "server/command_line.h"

namespace penstock::server {
namespace {

// Secrets live in this process: no core file, and no ptrace by other processes of the same user.
void forbid_core_files() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0);
}

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  return set;
}

}  // namespace

int run_serve(const std::filesystem::path& file) {
  forbid_core_files();
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of the write, as a full disk is
  std::optional<config::Settings> settings = load_settings(file);
  if (!settings) return kExitBadConfig;
  // Blocked before any thread exists, so that all threads inherit it and only the waiting one sees them.
  const sigset_t signals = handled_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  App app(std::move(*settings));
  // For people and for scripts that start it with port 0.
  std::cout << "listening on " << app.address() << std::endl;  // flushed: a script waits for this line

  const std::jthread watcher([&](const std::stop_token& stop) {
    const timespec slice{0, 200'000'000};
    while (!stop.stop_requested()) {
      switch (sigtimedwait(&signals, nullptr, &slice)) {
        case SIGTERM:
        case SIGINT:
          app.request_stop();
          break;
        case SIGHUP:
          app.request_reload();
          break;
        default:
          break;
      }
    }
  });
  app.run();
  return kExitSuccess;
}

}  // namespace penstock::server
