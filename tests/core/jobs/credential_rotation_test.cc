#include "core/jobs/credential_rotation.h"

#include <map>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock::jobs {
namespace {

constexpr const char* kRemote = "https://h/r";

Error refusal() {
  return Error(ErrorKind::kUnauthenticated, "fetching \"https://h/r\": refused").with_code("Unauthenticated");
}

// Secrets with a cache in front of them, and a server that accepts some values.
class Rotation : public ::testing::Test {
 protected:
  git::Credential look_up(const std::string& name, CredentialUse use) {
    if (broken_.contains(name)) throw Error(broken_.at(name), "resolving file:" + name + ": broken");
    if (use == CredentialUse::kAnew || !cached_.contains(name)) cached_[name] = stored_.at(name);
    return git::HttpHeaderCredential{Secret(cached_.at(name))};
  }
  void run(CredentialRotation& rotation, const std::string& remote = kRemote) {
    tried_.clear();
    log_.clear();
    rotation.run(
        remote,
        [this](const git::Credential& credential) {
          const auto* header = std::get_if<git::HttpHeaderCredential>(&credential);
          const std::string value = header == nullptr ? "none" : std::string(header->authorization.reveal());
          tried_.push_back(value);
          if (faults_.contains(value)) throw faults_.at(value);
          if (!accepted_.contains(value)) throw refusal();
        },
        [this](std::string_view line) { log_.emplace_back(line); });
  }
  std::string failure_of(CredentialRotation& rotation) {
    try {
      run(rotation);
    } catch (const Error& error) {
      kind_ = error.kind();
      return error.what();
    }
    return "";
  }
  GitCredentialLookup lookup() {
    return [this](const std::string& name, CredentialUse use) { return look_up(name, use); };
  }

  using Values = std::vector<std::string>;
  std::map<std::string, std::string> stored_{{"a", "a1"}, {"b", "b1"}, {"c", "c1"}}, cached_;
  std::map<std::string, ErrorKind> broken_;
  std::map<std::string, Error> faults_;
  std::set<std::string> accepted_;
  Values tried_, log_;
  ErrorKind kind_ = ErrorKind::kInternal;
};

TEST_F(Rotation, WithoutNamesTriesWithoutLogin) {
  CredentialRotation rotation({}, lookup());
  accepted_ = {"none"};
  run(rotation);
  EXPECT_EQ(tried_, Values{"none"});
}

TEST_F(Rotation, TriesTheNextAfterARefusalAndRemembersIt) {
  CredentialRotation rotation({"a", "b", "c"}, lookup());
  accepted_ = {"b1"};
  run(rotation);
  EXPECT_EQ(tried_, (Values{"a1", "b1"}));
  EXPECT_EQ(log_, Values{"the credential \"a\" was refused: refused; trying \"b\""});
  run(rotation);
  EXPECT_EQ(tried_, Values{"b1"});
  EXPECT_TRUE(log_.empty());
  // Another remote has an order of its own.
  run(rotation, "https://h/other");
  EXPECT_EQ(tried_, (Values{"a1", "b1"}));
}

TEST_F(Rotation, ReadsARefusedSecretAnewBeforeItGoesOn) {
  CredentialRotation rotation({"a", "b"}, lookup());
  accepted_ = {"a1"};
  run(rotation);
  stored_["a"] = "a2";
  accepted_ = {"a2", "b1"};
  run(rotation);
  EXPECT_EQ(tried_, (Values{"a1", "a2"}));
  EXPECT_EQ(log_, Values{"the credential \"a\" was refused, trying it freshly read"});
}

TEST_F(Rotation, NeverSendsTheSameRefusedSecretTwice) {
  CredentialRotation rotation({"a"}, lookup());
  EXPECT_EQ(failure_of(rotation), "fetching \"https://h/r\": refused");
  EXPECT_EQ(tried_, Values{"a1"});
}

TEST_F(Rotation, SaysOnceWhatEachGotWhenAllAreRefused) {
  CredentialRotation rotation({"a", "b"}, lookup());
  EXPECT_EQ(failure_of(rotation),
            "fetching \"https://h/r\": none of the 2 credentials was accepted: (1) \"a\": refused; (2) \"b\": "
            "refused");
  EXPECT_EQ(kind_, ErrorKind::kUnauthenticated);
  EXPECT_EQ(log_, (Values{"the credential \"a\" was refused: refused; trying \"b\"",
                          "the credential \"b\" was refused: refused"}));
  failure_of(rotation);
  EXPECT_EQ(tried_, (Values{"a1", "b1"})) << "the configured order again";
}

TEST_F(Rotation, TakesASecretThatIsGoneForARefusal) {
  CredentialRotation rotation({"a", "b"}, lookup());
  broken_ = {{"a", ErrorKind::kConfiguration}};
  accepted_ = {"b1"};
  run(rotation);
  EXPECT_EQ(tried_, Values{"b1"});
  EXPECT_EQ(log_, Values{"the credential \"a\" cannot be used: resolving file:a: broken; trying \"b\""});
}

TEST_F(Rotation, ReadsASecretAnewThatIsRefusedWhereTokensAreMade) {
  int anew = 0;
  accepted_ = {"token"};
  CredentialRotation rotation({"a", "b"}, [&](const std::string&, CredentialUse use) -> git::Credential {
    if (use == CredentialUse::kCached) throw Error(ErrorKind::kUnauthenticated, "AADSTS7000222");
    ++anew;
    return git::HttpHeaderCredential{Secret("token")};
  });
  run(rotation);
  EXPECT_EQ(anew, 1);
  EXPECT_EQ(log_, Values{"the credential \"a\" was refused, trying it freshly read"});
}

TEST_F(Rotation, WaitsForASecretThatCannotBeReadNow) {
  CredentialRotation rotation({"a", "b"}, lookup());
  broken_ = {{"a", ErrorKind::kUnavailable}};
  EXPECT_EQ(failure_of(rotation), "resolving file:a: broken");
  EXPECT_TRUE(tried_.empty());
}

TEST_F(Rotation, StopsAtFaultsThatNoCredentialCures) {
  CredentialRotation rotation({"a", "b"}, lookup());
  faults_.emplace("a1", Error(ErrorKind::kPermission, "TF401027").with_code("PermissionMissing"));
  EXPECT_EQ(failure_of(rotation), "TF401027");
  EXPECT_EQ(tried_, Values{"a1"});
}

TEST_F(Rotation, GoesOnWhereTheServerHidesWhatItKnows) {
  CredentialRotation rotation({"a", "b"}, lookup());
  faults_.emplace("a1", Error(ErrorKind::kNotFound, "TF401019").with_code("RepositoryNotFound"));
  accepted_ = {"b1"};
  run(rotation);
  EXPECT_EQ(tried_, (Values{"a1", "b1"}));
}

TEST_F(Rotation, BeginsAfterAFaultThatPassesWhereItWas) {
  CredentialRotation rotation({"a", "b"}, lookup());
  faults_.emplace("b1", Error(ErrorKind::kUnavailable, "the connection failed"));
  EXPECT_EQ(failure_of(rotation), "the connection failed");
  faults_.clear();
  accepted_ = {"b1"};
  run(rotation);
  EXPECT_EQ(tried_, Values{"b1"});
}

TEST(RotationThreads, ShareTheOrder) {
  CredentialRotation rotation({"a", "b"}, [](const std::string& name, CredentialUse) -> git::Credential {
    return git::HttpHeaderCredential{Secret(name)};
  });
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&rotation, i] {
      for (int n = 0; n < 2000; ++n) {
        rotation.run(
            "https://h/" + std::to_string((i * 700 + n) % 1500),
            [](const git::Credential& credential) {
              if (std::get<git::HttpHeaderCredential>(credential).authorization.equals("a")) throw refusal();
            },
            [](std::string_view) {});
      }
    });
  }
}

}  // namespace
}  // namespace penstock::jobs
