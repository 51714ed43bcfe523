#include "core/git/ssh_login.h"

#include <cstdlib>

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "core/base/error.h"
#include "core/base/process.h"
#include "core/base/text.h"

namespace penstock::git {
namespace {

constexpr const char* kHosts = "example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ\r\n";

ProcessResult run(std::vector<std::string> argv) {
  ProcessOptions options;
  options.argv = std::move(argv);
  options.environment = {{"PATH", std::getenv("PATH")}};
  return run_process(options);
}

std::string make_key(const TemporaryDirectory& folder, const std::vector<std::string>& options) {
  std::vector<std::string> argv = {"ssh-keygen", "-q", "-f", (folder.path() / "key").native()};
  argv.insert(argv.end(), options.begin(), options.end());
  const ProcessResult result = run(argv);
  EXPECT_TRUE(result.succeeded()) << result.standard_error;
  return read_file(folder.path() / "key");
}

std::string configuration_path(const SshLogin& login) {
  const std::string command = login.command();
  return command.substr(command.rfind(' ') + 1);
}

std::string value_of(const std::string& configuration, const std::string& name) {
  const auto at = configuration.find(name + " ");
  return configuration.substr(at + name.size() + 1, configuration.find('\n', at) - at - name.size() - 1);
}

TEST(SshLogin, HandsChildrenAKeyThatSshCanRead) {
  const TemporaryDirectory folder;
  const std::string key = make_key(folder, {"-t", "ed25519", "-N", ""});
  // As they come out of secret stores: CRLF, no line end.
  std::string mangled;
  for (const char c : key) mangled += c == '\n' ? std::string("\r\n") : std::string(1, c);
  while (mangled.back() == '\n' || mangled.back() == '\r') mangled.pop_back();

  const SshLogin login(Secret(mangled), kHosts);
  const std::string path = value_of(read_file(configuration_path(login)), "IdentityFile");
  const ProcessResult result = run({"ssh-keygen", "-y", "-f", path});
  EXPECT_TRUE(result.succeeded()) << result.standard_error;
  EXPECT_TRUE(result.standard_output.starts_with("ssh-ed25519 ")) << result.standard_output;
}

TEST(SshLogin, TakesPemKeysToo) {
  const TemporaryDirectory folder;
  const std::string key = make_key(folder, {"-t", "rsa", "-b", "2048", "-m", "PEM", "-N", ""});
  ASSERT_TRUE(key.starts_with("-----BEGIN RSA PRIVATE KEY-----"));
  EXPECT_EQ(normalized_private_key(Secret("\n  " + key + "\n\n")).reveal(), key);
}

TEST(SshLogin, RefusesKeysThatNobodyCouldUnlock) {
  for (const std::vector<std::string>& form : {std::vector<std::string>{"-t", "ed25519"},
                                               {"-t", "rsa", "-b", "2048", "-m", "PEM"},
                                               {"-t", "rsa", "-b", "2048", "-m", "PKCS8"}}) {
    const TemporaryDirectory folder;
    std::vector<std::string> options = form;
    options.insert(options.end(), {"-N", "a passphrase"});
    const std::string key = make_key(folder, options);
    try {
      normalized_private_key(Secret(key));
      FAIL() << key.substr(0, 40);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kConfiguration);
      EXPECT_NE(std::string(error.what()).find("passphrase"), std::string::npos) << error.what();
    }
  }
}

TEST(SshLogin, SaysWhatIsWrongWithWhatIsNoKey) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "expected text"},
      {"hello", "expected text"},
      {"ssh-rsa AAAA me@here", "public key"},
      {"PuTTY-User-Key-File-3: ssh-rsa", "PuTTY"},
      {"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n", "cut off"},
      {"-----BEGIN OPENSSH PRIVATE KEY-----\n!!\n-----END OPENSSH PRIVATE KEY-----\n", "damaged"},
      {std::string(100000, 'x'), "too long"}};
  for (const auto& [key, cause] : cases) {
    try {
      normalized_private_key(Secret(key));
      ADD_FAILURE() << key.substr(0, 40);
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(cause), std::string::npos) << error.what();
      EXPECT_EQ(std::string(error.what()).find("AAAA"), std::string::npos) << error.what();
    }
  }
}

TEST(SshLogin, NeedsAHostKey) {
  EXPECT_THROW(normalized_known_hosts(""), Error);
  EXPECT_THROW(normalized_known_hosts("# only a comment\n\n"), Error);
  EXPECT_EQ(normalized_known_hosts("h ssh-rsa AAAA\r\n"), "h ssh-rsa AAAA\n");
}

TEST(SshLogin, SshAcceptsTheWholeConfiguration) {
  const TemporaryDirectory folder;
  const SshLogin login(Secret(make_key(folder, {"-t", "ed25519", "-N", ""})), kHosts);
  const ProcessResult result = run({"ssh", "-F", configuration_path(login), "-G", "example.com"});
  EXPECT_TRUE(result.succeeded()) << result.standard_error;
  for (const char* line : {"stricthostkeychecking true\n", "identitiesonly yes\n", "batchmode yes\n",
                           "globalknownhostsfile /dev/null\n", "updatehostkeys false\n"})
    EXPECT_NE(result.standard_output.find(line), std::string::npos) << line << result.standard_output;
  EXPECT_EQ(result.standard_output.find("proxycommand"), std::string::npos);
}

TEST(SshLogin, LeavesNothingBehindEvenWhenDescriptorsAreHidden) {
  const TemporaryDirectory folder;
  const std::string key = make_key(folder, {"-t", "ed25519", "-N", ""});
  ASSERT_EQ(::prctl(PR_SET_DUMPABLE, 0), 0);
  std::string path;
  {
    const SshLogin login(Secret(key), kHosts);
    path = value_of(read_file(configuration_path(login)), "IdentityFile");
    struct stat info {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
    EXPECT_TRUE(run({"ssh-keygen", "-y", "-f", path}).succeeded());
  }
  ::prctl(PR_SET_DUMPABLE, 1);
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::path(path).parent_path()));
}

}  // namespace
}  // namespace penstock::git
