// Whose client tokens of third-party actions are known, within the caller's transaction.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/store/records.h"
#include "core/store/sqlite.h"

namespace penstock::store {

// Strangers can sign up: of what has never proved good only so much is kept, the oldest goes first.
constexpr std::int64_t kMaxUnconfirmedSignUps = 10'000;
constexpr std::int64_t kMaxUnconfirmedOfClient = 3;
constexpr std::int64_t kMaxConfirmedOfClient = 2;
constexpr std::int64_t kMaxUsedRequests = 100'000;

void record_sign_up(Connection& connection, const NewSignUp& sign_up);
bool is_sign_up_request_used(Connection& connection, const std::string& digest);
std::vector<SignUp> load_sign_ups(Connection& connection, const std::string& action_type, const std::string& client_id);
std::vector<SignUp> load_sign_ups_after(Connection& connection, std::int64_t number, int limit);
void confirm_sign_up(Connection& connection, std::int64_t number, Timestamp time);
void replace_sealed_token(Connection& connection, std::int64_t number, const std::string& before,
                          const std::string& after);

}  // namespace penstock::store
