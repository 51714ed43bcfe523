#include "core/store/sign_ups.h"

#include "tests/core/store/store_fixture.h"

namespace penstock::store {
namespace {

constexpr char kType[] = "Test/ThirdParty/LoadTest/1";

class SignUps : public StoreTest {
 protected:
  NewSignUp make(const std::string& client, const std::string& token) {
    return {.action_type = kType,
            .client_id = client,
            .sealed_token = token,
            .region = "eu-central-1",
            .pipeline = "shop",
            .stage = "Test",
            .action = "Load",
            .request_digest = sha256_hex("request " + std::to_string(++requests_)),
            .known = std::nullopt,
            .time = clock_.now()};
  }
  std::vector<std::string> tokens_of(const std::string& client) {
    std::vector<std::string> tokens;
    for (const SignUp& sign_up : store().sign_ups_of(kType, client)) tokens.push_back(sign_up.sealed_token);
    return tokens;
  }
  std::int64_t number_of(const std::string& client, const std::string& token) {
    for (const SignUp& sign_up : store().sign_ups_of(kType, client)) {
      if (sign_up.sealed_token == token) return sign_up.number;
    }
    return 0;
  }
  int requests_ = 0;
};

using Tokens = std::vector<std::string>;

TEST_F(SignUps, AreReadBackAfterARestart) {
  store().record_sign_up(make("c1", std::string("\0binary\xff", 8)));
  reopen();
  const std::vector<SignUp> found = store().sign_ups_of(kType, "c1");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].sealed_token, std::string("\0binary\xff", 8));
  EXPECT_EQ(found[0].region, "eu-central-1");
  EXPECT_EQ(found[0].pipeline, "shop");
  EXPECT_EQ(found[0].stage, "Test");
  EXPECT_EQ(found[0].action, "Load");
  EXPECT_EQ(found[0].created_at, clock_.now());
  EXPECT_FALSE(found[0].confirmed_at);
  EXPECT_TRUE(store().sign_ups_of("Test/ThirdParty/Other/1", "c1").empty());
  EXPECT_TRUE(store().sign_ups_of(kType, "c2").empty());
}

TEST_F(SignUps, TakeARequestOnce) {
  const NewSignUp first = make("c1", "t1");
  EXPECT_FALSE(store().is_sign_up_request_used(first.request_digest));
  store().record_sign_up(first);
  EXPECT_TRUE(store().is_sign_up_request_used(first.request_digest));
  NewSignUp replayed = make("c1", "t2");
  replayed.request_digest = first.request_digest;
  try {
    store().record_sign_up(replayed);
    FAIL() << "it was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConflict);
  }
  EXPECT_EQ(tokens_of("c1"), Tokens{"t1"});
}

TEST_F(SignUps, WithAKnownTokenChangeOnlyWhatTheyAreFor) {
  store().record_sign_up(make("c1", "t1"));
  NewSignUp again = make("c1", "another sealing of t1");
  again.known = number_of("c1", "t1");
  again.pipeline = "shop-2";
  store().record_sign_up(again);
  const std::vector<SignUp> found = store().sign_ups_of(kType, "c1");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].sealed_token, "t1");
  EXPECT_EQ(found[0].pipeline, "shop-2");
}

TEST_F(SignUps, ThatWereGoodComeFirstAndAreNotDisplacedByStrangers) {
  store().record_sign_up(make("c1", "good"));
  store().confirm_sign_up(number_of("c1", "good"), clock_.now());
  for (int i = 0; i < 10; ++i) store().record_sign_up(make("c1", "stranger " + std::to_string(i)));
  EXPECT_EQ(tokens_of("c1"), (Tokens{"good", "stranger 9", "stranger 8", "stranger 7"}));
}

TEST_F(SignUps, KeepTheLastThatWereGood) {
  for (const char* token : {"a", "b", "c"}) {
    store().record_sign_up(make("c1", token));
    store().confirm_sign_up(number_of("c1", token), clock_.now());
  }
  EXPECT_EQ(tokens_of("c1"), (Tokens{"c", "b"}));
}

TEST_F(SignUps, AreSealedAnewUnlessTheyChangedMeanwhile) {
  store().record_sign_up(make("c1", "old"));
  const std::int64_t number = number_of("c1", "old");
  store().replace_sealed_token(number, "something else", "new");
  EXPECT_EQ(tokens_of("c1"), Tokens{"old"});
  store().replace_sealed_token(number, "old", "new");
  EXPECT_EQ(tokens_of("c1"), Tokens{"new"});
}

TEST_F(SignUps, AreListedInPages) {
  for (int i = 0; i < 5; ++i) store().record_sign_up(make("c" + std::to_string(i), "t"));
  const std::vector<SignUp> first = store().sign_ups_after(0, 3);
  ASSERT_EQ(first.size(), 3u);
  const std::vector<SignUp> second = store().sign_ups_after(first.back().number, 3);
  ASSERT_EQ(second.size(), 2u);
  EXPECT_EQ(second.back().client_id, "c4");
}

TEST_F(SignUps, JobsKeepTheirClient) {
  Job job;
  job.id = make_uuid_v7(clock_);
  job.job_id = "j1";
  job.action_type = kType;
  job.client_id = "c1";
  job.claimed_at = clock_.now();
  store().journal_job(job);
  reopen();
  EXPECT_EQ(store().find_job("j1")->client_id, "c1");
}

}  // namespace
}  // namespace penstock::store
