#include <cstdlib>
#include <iostream>

#include "core/base/error.h"
#include "core/base/process.h"
#include "core/base/text.h"
#include "server/command_line.h"
#include "server/version.h"

namespace penstock::server {

int run_version() {
  std::cout << "penstock " << kVersion << "\n" << kLibraryVersions;
  // git does the fetching, so its version matters as much as a library's.
  try {
    ProcessOptions options;
    options.argv = {"git", "--version"};
    options.timeout = std::chrono::seconds(5);
    std::cout << trim(run_process(options).standard_output) << "\n";
  } catch (const Error& error) {
    std::cerr << "penstock: " << error.what() << "\n";
    return kExitFailure;
  }
  return kExitSuccess;
}

}  // namespace penstock::server
