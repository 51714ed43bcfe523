#include "core/jobs/continuation_tokens.h"

#include <functional>

#include <gtest/gtest.h>

#include "core/base/digest.h"
#include "core/base/error.h"

namespace penstock::jobs {
namespace {

const Secret kKey("a key of at least thirty-two bytes"), kOtherKey("another key of at least 32 bytes..");
constexpr const char* kFirst = "01900000-0000-7000-8000-0123456789ab";

aws::PipelineJob job() {
  aws::PipelineJob job;
  job.id = "job-1";
  job.action_type = {"Build", "Custom", "MyBuild", "1"};
  job.pipeline_name = "shop";
  job.pipeline_execution_id = "execution-1";
  job.stage_name = "Build";
  job.action_name = "Compile";
  job.action_execution_id = "action-1";
  return job;
}

ContinuationTokens tokens(const std::vector<Secret>& keys = {kKey}) {
  return {keys, "node-one"};
}

std::string refusal(const ContinuationTokens& tokens, aws::PipelineJob continued, const std::string& token,
                    const std::string& handler = "command") {
  continued.continuation_token = token;
  try {
    tokens.open(handler, continued);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConfiguration);
    return error.what();
  }
  return "accepted";
}

TEST(ContinuationTokens, ComeBackAsTheyWereMadeInTheNextJobOfTheAction) {
  const ContinuationTokens made = tokens();
  for (const std::string& state : {std::string(), std::string("{\"step\": 2}"), std::string("\0\xff\n", 3),
                                   std::string(kMaxContinuationState, 'x')}) {
    aws::PipelineJob next = job();
    next.id = "job-2";
    next.continuation_token = made.seal("command", job(), {Continuation::Kind::kState, kFirst, "", state});
    EXPECT_LE(next.continuation_token.size(), kMaxContinuationToken);
    EXPECT_EQ(
        next.continuation_token.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"),
        std::string::npos);
    const Continuation opened = made.open("command", next);
    EXPECT_EQ(opened.state, state);
    EXPECT_EQ(opened.first_id, kFirst);
    EXPECT_EQ(opened.node, "node-one");
    EXPECT_EQ(opened.kind, Continuation::Kind::kState);
  }
  EXPECT_THROW(made.seal("command", job(),
                         {Continuation::Kind::kState, kFirst, "", std::string(kMaxContinuationState + 1, 'x')}),
               Error);
}

TEST(ContinuationTokens, OfAnotherActionAreRefused) {
  const ContinuationTokens made = tokens();
  const std::string token = made.seal("command", job(), {Continuation::Kind::kWork, kFirst, "", ""});
  ASSERT_EQ(refusal(made, job(), token), "accepted");
  const std::vector<std::function<void(aws::PipelineJob&)>> changes = {
      [](aws::PipelineJob& j) { j.action_type.category = "Test"; },
      [](aws::PipelineJob& j) { j.action_type.owner = "ThirdParty"; },
      [](aws::PipelineJob& j) { j.action_type.provider = "Other"; },
      [](aws::PipelineJob& j) { j.action_type.version = "2"; },
      [](aws::PipelineJob& j) { j.pipeline_name = "other"; },
      [](aws::PipelineJob& j) { j.pipeline_execution_id = "execution-2"; },
      [](aws::PipelineJob& j) { j.stage_name = "Test"; },
      [](aws::PipelineJob& j) { j.action_name = "Other"; },
      [](aws::PipelineJob& j) { j.action_execution_id = "action-2"; },
      // The same characters, differently divided.
      [](aws::PipelineJob& j) { j.stage_name = "BuildC", j.action_name = "ompile"; },
  };
  for (const auto& change : changes) {
    aws::PipelineJob other = job();
    change(other);
    EXPECT_NE(refusal(made, other, token).find("was not made by this server for this run"), std::string::npos);
  }
  EXPECT_NE(refusal(made, job(), token, "cloudformation").find("was not made by this server"), std::string::npos);
}

TEST(ContinuationTokens, ForgedOnesAreRefused) {
  const ContinuationTokens made = tokens();
  const std::string token = made.seal("command", job(), {Continuation::Kind::kState, kFirst, "", "state"});
  const std::string bytes = *from_base64url(token);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 0x20);
    EXPECT_NE(refusal(made, job(), to_base64url(changed)), "accepted") << "byte " << i;
  }
  for (std::size_t size = 0; size < token.size(); ++size) {
    EXPECT_NE(refusal(made, job(), token.substr(0, size)), "accepted") << size << " characters";
  }
  for (const std::string& forged :
       {token + "A", token + "=", " " + token, std::string("cloudformation/1/abc"), std::string("{\"step\": 1}"),
        to_base64url(std::string(100, '\0')), std::string("../../etc/passwd")}) {
    EXPECT_NE(refusal(made, job(), forged), "accepted") << forged;
  }
  EXPECT_NE(refusal(made, job(), std::string(kMaxContinuationToken + 1, 'A')).find("2049 characters"),
            std::string::npos);
  EXPECT_EQ(refusal(made, job(), "<script>").find("script"), std::string::npos);
}

TEST(ContinuationTokens, KeysCanBeRotated) {
  const ContinuationTokens before = tokens(), meanwhile = tokens({kOtherKey, kKey}), after = tokens({kOtherKey});
  const Continuation some{Continuation::Kind::kState, kFirst, "", "s"};
  const std::string old_token = before.seal("command", job(), some), new_token = meanwhile.seal("command", job(), some);
  EXPECT_EQ(refusal(meanwhile, job(), old_token), "accepted");
  EXPECT_EQ(refusal(after, job(), new_token), "accepted");
  EXPECT_NE(refusal(after, job(), old_token), "accepted");
  EXPECT_NE(refusal(before, job(), new_token), "accepted");
  ContinuationTokens changing = tokens();
  changing.set_keys({kOtherKey});
  EXPECT_EQ(refusal(changing, job(), new_token), "accepted");
  EXPECT_THROW(changing.set_keys({Secret("too short")}), Error);
}

TEST(ContinuationTokens, WithoutKeysAreOfTheirObjectAlone) {
  const ContinuationTokens one, other;
  const std::string token = one.seal("command", job(), {Continuation::Kind::kState, kFirst, "", "s"});
  EXPECT_EQ(refusal(one, job(), token), "accepted");
  EXPECT_NE(refusal(other, job(), token), "accepted");
}

}  // namespace
}  // namespace penstock::jobs
