// penstock-sandbox: an AWS-compatible server for tests and for trying Penstock without an AWS account.
#include <csignal>
#include <cstdio>
#include <iostream>

#include <CLI/CLI.hpp>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text.h"
#include "tests/sandbox/sandbox.h"

namespace {

void parse_address(const std::string& text, penstock::sandbox::SandboxOptions& options) {
  const auto colon = text.rfind(':');
  const auto port = penstock::parse_unsigned(colon == std::string::npos ? text : text.substr(colon + 1));
  auto host = colon == std::string::npos ? std::string() : text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (!port || *port > 65'535) {
    throw penstock::Error(penstock::ErrorKind::kConfiguration,
                          "reading --listen " + penstock::in_quotes(text) + ": expected ADDRESS:PORT");
  }
  options.port = static_cast<int>(*port);
  if (!host.empty()) options.address = host;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "An AWS-compatible server: CodePipeline, S3, Secrets Manager and STS on one port.\n"
      "It checks signatures, patterns and limits as AWS documents them.\n\n"
      "Credentials:  AWS_ACCESS_KEY_ID=" +
      std::string(penstock::sandbox::kDefaultAccessKeyId) + "\n" +
      "              AWS_SECRET_ACCESS_KEY=" + std::string(penstock::sandbox::kDefaultSecretAccessKey) + "\n" +
      "Account:      " + std::string(penstock::sandbox::kDefaultAccount) +
      ", any region\n\n"
      "From this machine, unsigned: GET /_sandbox/state[?pipeline=NAME], GET and POST /_sandbox/settings,\n"
      "POST /_sandbox/faults, POST /_sandbox/reset-faults, POST /_sandbox/seed, GET /_sandbox/health"};
  app.name("penstock-sandbox");
  std::string listen = "127.0.0.1:0", data, seed;
  app.add_option("--listen", listen, "ADDRESS:PORT; port 0 takes a free one")->capture_default_str();
  app.add_option("--data", data, "folder that keeps everything over a restart; without it nothing is kept");
  app.add_option("--seed", seed, "JSON file: settings, region, keys, buckets, secrets, actionTypes, pipelines");
  CLI11_PARSE(app, argc, argv);

  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  sigdelset(&signals, SIGPIPE);
  try {
    penstock::sandbox::SandboxOptions options;
    parse_address(listen, options);
    if (!data.empty()) options.data = data;
    if (!seed.empty()) options.seed = penstock::read_file(seed);
    penstock::sandbox::Sandbox sandbox(std::move(options));
    std::cout << "listening on " << sandbox.url() << std::endl;
    int signal = 0;
    sigwait(&signals, &signal);
  } catch (const std::exception& error) {
    std::cerr << "penstock-sandbox: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
