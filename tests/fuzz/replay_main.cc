// Runs a fuzz target over its corpus as an ordinary test: every file, then every file cut short and with single bytes
// changed, all of it the same in each run. A target reports a broken invariant by aborting.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr int kMutationsPerFile = 500;

void run(const std::string& input) {
  // A heap copy of the exact size, so that address sanitizer sees a read past the end.
  std::vector<std::uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

std::string mutate(std::string input, std::mt19937& random) {
  static constexpr char kInteresting[] = {'"', '\\', '[', ']', '{', '}', '$', '.', '*', '?', '@', '\0', '\x7f', '\xff'};
  if (input.empty()) return input;
  const std::size_t position = random() % input.size();
  switch (random() % 5) {
    case 0:
      input.resize(position);
      break;
    case 1:
      input[position] = static_cast<char>(random());
      break;
    case 2:
      input[position] = kInteresting[random() % std::size(kInteresting)];
      break;
    case 3:
      input.erase(position, 1 + random() % 8);
      break;
    case 4: {
      const std::string piece = input.substr(position, 1 + random() % 16);
      input.insert(random() % input.size(), piece);
      break;
    }
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: " << argv[0] << " CORPUS_FOLDER\n";
    return 2;
  }
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) {
    std::cerr << "the corpus \"" << argv[1] << "\" is empty\n";
    return 1;
  }
  run("");
  for (const auto& file : files) {
    std::ifstream stream(file, std::ios::binary);
    const std::string input{std::istreambuf_iterator<char>(stream), {}};
    if (!stream) {
      std::cerr << "reading " << file << " failed\n";
      return 1;
    }
    std::cout << file.filename().string() << ": " << input.size() << " bytes" << std::endl;
    run(input);
    std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same mutations in each run
    std::string changed = input;
    for (int i = 0; i < kMutationsPerFile; ++i) {
      changed = mutate(i % 10 == 0 ? input : changed, random);
      run(changed);
    }
  }
  std::cout << files.size() << " files, " << kMutationsPerFile << " mutations of each" << std::endl;
  return 0;
}
