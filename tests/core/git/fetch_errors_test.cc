#include "core/git/fetch_errors.h"

#include <gtest/gtest.h>

#include "core/git/azure_codes.h"

namespace penstock::git {
namespace {

struct Case {
  std::string name, text;
  FetchFault fault;
  ErrorKind kind;
  std::string code;
};

void PrintTo(const Case& each, std::ostream* out) {
  *out << each.name;
}

class FetchErrors : public ::testing::TestWithParam<Case> {};

TEST_P(FetchErrors, AreReadFromWhatGitPrinted) {
  const FetchDiagnosis diagnosis = diagnose_fetch(GetParam().text);
  EXPECT_EQ(static_cast<int>(diagnosis.fault), static_cast<int>(GetParam().fault)) << diagnosis.detail;
  const Error error = make_fetch_error(diagnosis, "https://token@host/r");
  EXPECT_EQ(error.kind(), GetParam().kind) << error.what();
  EXPECT_EQ(error.code(), GetParam().code) << error.what();
  EXPECT_EQ(std::string(error.what()).find("token@"), std::string::npos) << error.what();
}

using F = FetchFault;
using K = ErrorKind;

INSTANTIATE_TEST_SUITE_P(
    Table, FetchErrors,
    ::testing::Values(
        Case{"wrong_password",
             "fatal: could not read Username for 'https://dev.azure.com': terminal prompts disabled\n",
             F::kUnauthenticated, K::kUnauthenticated, "Unauthenticated"},
        Case{"wrong_password_given", "remote: Invalid\nfatal: Authentication failed for 'https://dev.azure.com/a/b/'\n",
             F::kUnauthenticated, K::kUnauthenticated, "Unauthenticated"},
        Case{"http_401", "fatal: unable to access 'https://h/r/': The requested URL returned error: 401\n",
             F::kUnauthenticated, K::kUnauthenticated, "Unauthenticated"},
        Case{"http_403", "fatal: unable to access 'https://h/r/': The requested URL returned error: 403\n",
             F::kForbidden, K::kPermission, "Forbidden"},
        Case{"sign_in_redirect", "fatal: unable to access 'https://h/r/': The requested URL returned error: 302\n",
             F::kSignInPage, K::kUnauthenticated, "SignInPage"},
        Case{"sign_in_203", "fatal: unable to access 'https://h/r/': The requested URL returned error: 203\n",
             F::kSignInPage, K::kUnauthenticated, "SignInPage"},
        Case{"sign_in_page",
             "fatal: https://h/r/info/refs not valid: could not determine hash algorithm; is this a git repository?\n",
             F::kSignInPage, K::kUnauthenticated, "SignInPage"},
        Case{"sign_in_page_of_one_line", "fatal: dumb http transport does not support shallow capabilities\n",
             F::kSignInPage, K::kUnauthenticated, "SignInPage"},
        Case{"moved", "fatal: unable to access 'https://h/r/': The requested URL returned error: 301\n", F::kMoved,
             K::kConfiguration, "Moved"},
        Case{"ssh_refused",
             "git@ssh.dev.azure.com: Permission denied (publickey,password).\r\nfatal: Could not read from remote "
             "repository.\n",
             F::kUnauthenticated, K::kUnauthenticated, "Unauthenticated"},
        Case{"azure_ssh_refused",
             "remote: Public key authentication failed.\nfatal: Could not read from remote repository.\n",
             F::kUnauthenticated, K::kUnauthenticated, "Unauthenticated"},
        Case{"host_key_changed",
             "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\nThe fingerprint for the RSA key sent by "
             "the remote host is\nSHA256:ohD8VZEXGWo6Ez8GSEJQ9WpafgLFsOfLOtGGQCQo6Og.\nHost key verification failed.\n",
             F::kHostKeyChanged, K::kPermission, "HostKeyMismatch"},
        Case{
            "host_key_unknown",
            "debug1: Server host key: ssh-rsa SHA256:ohD8VZEXGWo6Ez8GSEJQ9WpafgLFsOfLOtGGQCQo6Og\r\nNo RSA host key is "
            "known for h and you have requested strict checking.\r\nHost key verification failed.\r\n",
            F::kHostKeyUnknown, K::kPermission, "HostKeyUnknown"},
        Case{"old_rsa",
             "remote: You're using ssh-rsa that is about to be deprecated and your request has been blocked "
             "intentionally\n",
             F::kSshNegotiation, K::kConfiguration, "SshNegotiation"},
        Case{"no_algorithm_in_common",
             "Unable to negotiate with 10.0.0.1 port 22: no matching host key type found. Their offer: ssh-rsa\n",
             F::kSshNegotiation, K::kConfiguration, "SshNegotiation"},
        Case{"broken_key", "Load key \"/proc/7/fd/3\": error in libcrypto\r\ngit@h: Permission denied (publickey).\r\n",
             F::kSshKeyUnusable, K::kConfiguration, "SshKeyUnusable"},
        Case{"azure_repository_missing",
             "remote: TF401019: The Git repository with name or identifier shop.git does not exist or you do not have "
             "permissions for the operation you are attempting.\nfatal: repository 'https://dev.azure.com/f/p/_git/"
             "shop.git/' not found\n",
             F::kRepositoryMissing, K::kNotFound, "RepositoryNotFound"},
        Case{"http_404", "fatal: repository 'http://127.0.0.1/x.git/' not found\n", F::kRepositoryMissing, K::kNotFound,
             "RepositoryNotFound"},
        Case{"file_missing", "fatal: '/srv/x.git' does not appear to be a git repository\n", F::kRepositoryMissing,
             K::kNotFound, "RepositoryNotFound"},
        Case{"not_our_ref", "fatal: remote error: upload-pack: not our ref 1111111111111111111111111111111111111111\n",
             F::kIdRefused, K::kNotFound, "RevisionNotFound"},
        Case{"unadvertised",
             "error: Server does not allow request for unadvertised object 1111111111111111111111111111111111111111\n",
             F::kIdRefused, K::kNotFound, "RevisionNotFound"},
        Case{"empty", "fatal: no matching remote head\n", F::kIdRefused, K::kNotFound, "RevisionNotFound"},
        Case{"ref_missing", "fatal: couldn't find remote ref refs/heads/gone\n", F::kRefMissing, K::kNotFound,
             "RevisionNotFound"},
        Case{"throttled",
             "remote: TF400733: The request has been canceled: Request was blocked\nfatal: unable to access "
             "'https://h/': "
             "The requested URL returned error: 429\n",
             F::kRateLimited, K::kRateLimited, "RateLimited"},
        Case{"azure_permission_missing",
             "remote: 001f# service=git-upload-pack\nremote: 0000000000aaTF401027: You need the Git 'GenericRead' "
             "permission\nremote: TF401027: You need the Git 'GenericRead' permission to perform this action.\nfatal: "
             "unable to access 'https://h/': The requested URL returned error: 403\n",
             F::kPermissionMissing, K::kPermission, "PermissionMissing"},
        Case{"azure_project_missing", "remote: TF200016: The following project does not exist: x.\nfatal: x\n",
             F::kRepositoryMissing, K::kNotFound, "RepositoryNotFound"},
        Case{"azure_project_permission",
             "remote: TF50309: The following account does not have sufficient permissions\n", F::kPermissionMissing,
             K::kPermission, "PermissionMissing"},
        Case{
            "azure_unknown_identity",
            "remote: TF400813: The user 'x' is not authorized to access this resource.\nfatal: Authentication failed\n",
            F::kUnauthenticated, K::kUnauthenticated, "Unauthenticated"},
        Case{"azure_never_signed_in", "remote: TF401444: Please sign-in at least once as x in a web browser\n",
             F::kUnauthenticated, K::kUnauthenticated, "Unauthenticated"},
        Case{"azure_licence", "remote: TF400409: You do not have licensing rights to access this feature: Code\n",
             F::kPermissionMissing, K::kPermission, "PermissionMissing"},
        Case{"azure_conditional_access",
             "remote: VS403463: The conditional access policy defined by your administrator has failed.\nfatal: unable "
             "to access 'https://h/': The requested URL returned error: 401\n",
             F::kPermissionMissing, K::kPermission, "PermissionMissing"},
        Case{"azure_revision", "fatal: remote error: TF401175: The version descriptor could not be resolved\n",
             F::kIdRefused, K::kNotFound, "RevisionNotFound"},
        Case{"azure_multi_ack",
             "remote: TF401041: The Git protocol sent is not as expected (Clients must support multi-ack.)\nfatal: "
             "unable to access 'https://h/': The requested URL returned error: 400\n",
             F::kProtocol, K::kConfiguration, "Protocol"},
        Case{"azure_database", "remote: TF246017: could not connect to the database\nfatal: x\n", F::kServerFault,
             K::kUnavailable, "ServerFault"},
        Case{"azure_code_that_is_not_known",
             "remote: TF999999: something\nfatal: unable to access 'https://h/': The requested URL returned error: "
             "403\n",
             F::kForbidden, K::kPermission, "Forbidden"},
        Case{"dns", "fatal: unable to access 'https://h/r/': Could not resolve host: h\n", F::kNameUnresolved,
             K::kUnavailable, "NameUnresolved"},
        Case{"ssh_dns",
             "ssh: Could not resolve hostname h: Name or service not known\nfatal: Could not read from remote\n",
             F::kNameUnresolved, K::kUnavailable, "NameUnresolved"},
        Case{"refused",
             "ssh: connect to host 127.0.0.1 port 2: Connection refused\r\nfatal: Could not read from remote\n",
             F::kUnreachable, K::kUnavailable, "Unreachable"},
        Case{"gnutls_certificate",
             "fatal: unable to access 'https://h/': server certificate verification failed. CAfile: none CRLfile: "
             "none\n",
             F::kCertificate, K::kConfiguration, "UntrustedCertificate"},
        Case{"openssl_certificate",
             "fatal: unable to access 'https://h/': SSL certificate problem: self-signed certificate\n",
             F::kCertificate, K::kConfiguration, "UntrustedCertificate"},
        Case{"http_500", "error: RPC failed; HTTP 500 curl 22 The requested URL returned error: 500\n", F::kServerFault,
             K::kUnavailable, "ServerFault"},
        Case{"cut_off",
             "error: RPC failed; curl 18 transfer closed with outstanding read data remaining\nfatal: early "
             "EOF\nfatal: fetch-pack: invalid index-pack output\n",
             F::kUnreachable, K::kUnavailable, "Unreachable"},
        Case{"disk_full", "fatal: write error: No space left on device\nfatal: index-pack failed\n", F::kDiskFull,
             K::kExhausted, "DiskFull"},
        Case{"damaged_base", "fatal: pack has 3 unresolved deltas\nfatal: fetch-pack: invalid index-pack output\n",
             F::kMirrorDamaged, K::kCorrupt, "MirrorDamaged"},
        Case{"killed_check",
             "error: rev-list died of signal 9\nerror: https://h/r did not send all necessary objects\n", F::kUnknown,
             K::kUnavailable, "FetchFailed"},
        Case{"empty_object",
             "error: object file objects/ab/cd is empty\nfatal: loose object abcd (stored in x) is corrupt\n",
             F::kMirrorDamaged, K::kCorrupt, "MirrorDamaged"},
        Case{"lock", "fatal: Unable to create '/m/shallow.lock': File exists.\n", F::kStaleLock, K::kUnavailable,
             "StaleLock"},
        Case{"server_cannot_feign_damage", "remote: fatal: loose object abcd is corrupt\nfatal: the end\n", F::kUnknown,
             K::kUnavailable, "FetchFailed"},
        Case{"server_cannot_feign_host_key", "remote: Host key verification failed.\nfatal: early EOF\n",
             F::kUnreachable, K::kUnavailable, "Unreachable"},
        Case{"hostile_tree", "fatal: empty filename in tree entry\n", F::kMalformedObjects, K::kInvalidInput,
             "MalformedObjects"},
        Case{"sha256", "fatal: mismatched algorithms: client sha1; server sha256\n", F::kObjectFormat,
             K::kConfiguration, "ObjectFormat"},
        Case{"file_protocol", "fatal: transport 'file' not allowed\n", F::kProtocol, K::kConfiguration, "Protocol"},
        Case{"nothing", "", F::kUnknown, K::kUnavailable, "FetchFailed"}),
    [](const auto& each) { return each.param.name; });

TEST(FetchErrors, NameTheFingerprintAndTheRemedy) {
  const FetchDiagnosis diagnosis = diagnose_fetch(
      "debug1: Server host key: ssh-ed25519 SHA256:AAAA1111bbbb2222cccc3333dddd4444eeee5555fff\n"
      "Host key verification failed.\n");
  const std::string message = make_fetch_error(diagnosis, "git@h:r").what();
  EXPECT_NE(message.find("SHA256:AAAA1111bbbb2222cccc3333dddd4444eeee5555fff"), std::string::npos) << message;
  EXPECT_NE(message.find("knownHosts"), std::string::npos) << message;
}

TEST(FetchErrors, SayThatNoCredentialIsConfigured) {
  FetchDiagnosis diagnosis =
      diagnose_fetch("fatal: could not read Username for 'https://h': terminal prompts disabled\n");
  diagnosis.had_credential = false;
  const std::string message = make_fetch_error(diagnosis, "https://h/r").what();
  EXPECT_NE(message.find("no credential is configured"), std::string::npos) << message;
}

TEST(FetchErrors, ExplainAzuresCodes) {
  const std::string message =
      make_fetch_error(diagnose_fetch("remote: TF400813: The user '' is not authorized\nfatal: x\n"), "https://h/r")
          .what();
  EXPECT_NE(message.find("TF400813: the credential is not known to this organization"), std::string::npos) << message;
}

TEST(FetchErrors, FindCodesThatStandAlone) {
  const struct {
    const char* text;
    const char* code;
  } rows[] = {{"TF401019: x", "TF401019"},
              {"remote: TF30063: x", "TF30063"},
              {"(VS403463)", "VS403463"},
              {"aTF401019", ""},
              {"TF4010191", ""},
              {"TF4010", ""},
              {"TF40101x TF401027", "TF401027"},
              {"", ""},
              {"TF12345", "TF12345"}};
  for (const auto& row : rows) EXPECT_EQ(first_azure_code(row.text), row.code) << row.text;
}

TEST(FetchErrors, BoundAndCleanForeignText) {
  EXPECT_LE(diagnose_fetch("fatal: " + std::string(100000, 'x')).detail.size(), 900u);
  EXPECT_EQ(diagnose_fetch("fatal: a\x1b[2Jb").detail, "fatal: a [2Jb");
}

}  // namespace
}  // namespace penstock::git
