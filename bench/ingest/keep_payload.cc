// What a hook of adnanh/webhook has to run to be as durable as Penstock: writes its first argument to a new file in the
// working directory and says so once that is on disk.
#include <cstdio>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string name = std::to_string(::getpid()) + ".json";
  const int file = ::open(name.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return 1;
  const std::size_t size = std::strlen(argv[1]);
  if (::write(file, argv[1], size) != static_cast<ssize_t>(size) || ::write(file, "\n", 1) != 1) return 1;
  if (::fsync(file) != 0) return 1;
  std::puts("stored");
  return 0;
}
