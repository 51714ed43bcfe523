#include "core/azure/entra_errors.h"

#include <gtest/gtest.h>

namespace penstock::azure {
namespace {

struct Row {
  std::string name;
  int status;
  std::string body;
  ErrorKind kind;
  std::string code, meaning;  // a part of it
};

void PrintTo(const Row& row, std::ostream* out) {
  *out << row.name;
}

class EntraErrors : public ::testing::TestWithParam<Row> {};

TEST_P(EntraErrors, AreReadFromTheAnswer) {
  const EntraFault fault = diagnose_entra_answer(GetParam().status, GetParam().body);
  EXPECT_EQ(to_string(fault.kind), to_string(GetParam().kind));
  EXPECT_EQ(fault.code, GetParam().code);
  EXPECT_NE(fault.meaning.find(GetParam().meaning), std::string::npos) << fault.meaning;
}

std::string described(const std::string& code) {
  return R"({"error":"invalid_client","error_description":")" + code + R"(: Something. Trace ID: 1"})";
}

using K = ErrorKind;

INSTANTIATE_TEST_SUITE_P(
    Table, EntraErrors,
    ::testing::Values(
        Row{"wrong_secret", 401, described("AADSTS7000215"), K::kUnauthenticated, "AADSTS7000215", "secret is wrong"},
        Row{"expired_secret", 401, described("AADSTS7000222"), K::kUnauthenticated, "AADSTS7000222", "has expired"},
        Row{"unknown_application", 400, described("AADSTS700016"), K::kConfiguration, "AADSTS700016", "clientId"},
        Row{"unknown_tenant", 400, described("AADSTS90002"), K::kConfiguration, "AADSTS90002", "tenantId"},
        Row{"bad_assertion", 401, described("AADSTS700027"), K::kUnauthenticated, "AADSTS700027", "upload"},
        Row{"wrong_clock", 401, described("AADSTS700024"), K::kUnauthenticated, "AADSTS700024", "clock"},
        Row{"unknown_account", 400, described("AADSTS50034"), K::kConfiguration, "AADSTS50034", "tenant"},
        Row{"no_federated_credential", 401, described("AADSTS70021"), K::kConfiguration, "AADSTS70021", "subject"},
        Row{"federated_subject", 401, described("AADSTS700213"), K::kConfiguration, "AADSTS700213", "subject"},
        Row{"disabled", 401, described("AADSTS7000112"), K::kPermission, "AADSTS7000112", "disabled"},
        Row{"conditional_access", 400, described("AADSTS53003"), K::kPermission, "AADSTS53003", "policy"},
        Row{"code_in_the_list_only", 400, R"({"error":"x","error_codes":[90002]})", K::kConfiguration, "AADSTS90002",
            "tenant"},
        Row{"unknown_code", 400, described("AADSTS123"), K::kUnauthenticated, "AADSTS123", ""},
        Row{"no_code", 400, R"({"error":"invalid_request"})", K::kUnauthenticated, "", "invalid_request"},
        Row{"throttled", 429, "{}", K::kRateLimited, "", ""},
        Row{"ill", 503, "<html>", K::kUnavailable, "", "not Entra"},
        Row{"ill_with_a_code", 503, described("AADSTS90033"), K::kUnavailable, "AADSTS90033", "not available"},
        Row{"page_of_a_proxy", 403, "<html>", K::kConfiguration, "", "not Entra"},
        Row{"hostile_code", 400, described("AADSTS" + std::string(5000, '7')), K::kUnauthenticated,
            "AADSTS777777777777", ""},
        Row{"wrong_types", 400, R"({"error":1,"error_description":[],"error_codes":["x"]})", K::kUnauthenticated, "",
            ""},
        Row{"no_object", 400, "[]", K::kUnauthenticated, "", ""}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace penstock::azure
