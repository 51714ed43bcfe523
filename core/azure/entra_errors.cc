#include "core/azure/entra_errors.h"

#include <algorithm>
#include <array>

#include "core/json/json.h"

namespace penstock::azure {
namespace {

using Kind = ErrorKind;

struct KnownCode {
  std::string_view number;
  Kind kind;
  std::string_view meaning;
};

// kUnauthenticated: another credential may be good. kConfiguration and kPermission: a person must change something.
constexpr auto kKnownCodes = std::to_array<KnownCode>({
    {"7000215", Kind::kUnauthenticated,
     "the client secret is wrong; store the secret's value, not its id, and see that it belongs to this clientId"},
    {"7000222", Kind::kUnauthenticated,
     "the client secret has expired; make a new one under Certificates & secrets of the application"},
    {"7000216", Kind::kConfiguration, "the request held no proof; set clientSecret, certificate or federatedTokenFile"},
    {"7000218", Kind::kConfiguration, "the request held no proof; set clientSecret, certificate or federatedTokenFile"},
    {"7000112", Kind::kPermission, "the application is disabled; enable it under Enterprise applications"},
    {"7000229", Kind::kConfiguration,
     "the tenant has no service principal of this application; add one under Enterprise applications"},
    {"700016", Kind::kConfiguration, "the tenant does not know this application; check clientId and tenantId"},
    {"90002", Kind::kConfiguration, "there is no such tenant; check tenantId and, for a national cloud, authority"},
    {"900023", Kind::kConfiguration, "the tenantId is neither a GUID nor a domain"},
    {"900971", Kind::kConfiguration, "the application has no reply address and is no confidential client"},
    {"700027", Kind::kUnauthenticated,
     "the signature of the client assertion was refused; upload this certificate to the application, and see that it "
     "has not expired"},
    {"700024", Kind::kUnauthenticated,
     "the client assertion is not valid at this time; check this machine's clock, or see that the federated token is "
     "renewed"},
    {"700023", Kind::kConfiguration, "the client assertion is meant for another address; check authority"},
    {"700030", Kind::kUnauthenticated, "the certificate's subject or issuer is not allowed for this application"},
    {"50027", Kind::kUnauthenticated, "the client assertion is malformed or has expired"},
    {"50012", Kind::kUnauthenticated, "the client assertion was refused; check the certificate or the federated token"},
    {"50013", Kind::kUnauthenticated, "the client assertion was refused; check the certificate or the federated token"},
    {"70021", Kind::kConfiguration,
     "no federated credential of the application fits the token; compare its issuer, subject and audience"},
    {"70025", Kind::kConfiguration,
     "the application has no federated credential; add one under Certificates & secrets"},
    {"700211", Kind::kConfiguration, "no federated credential of the application has the token's issuer"},
    {"700212", Kind::kConfiguration,
     "no federated credential of the application has the token's audience (usually api://AzureADTokenExchange)"},
    {"700213", Kind::kConfiguration,
     "no federated credential of the application has the token's subject (upper and lower case differ)"},
    {"7002137", Kind::kConfiguration, "no federated credential of the application has the token's subject"},
    {"7002138", Kind::kConfiguration,
     "no federated credential of the application has the token's subject (upper and lower case differ)"},
    {"50034", Kind::kConfiguration,
     "the account does not exist in this tenant; a service principal needs its application's clientId and that tenant"},
    {"50020", Kind::kConfiguration, "the account belongs to another tenant; check tenantId"},
    {"50049", Kind::kConfiguration, "this authority does not serve the tenant; check authority"},
    {"500011", Kind::kPermission, "the tenant does not know Azure DevOps; connect the organization to this tenant"},
    {"650052", Kind::kPermission, "the tenant does not know Azure DevOps; connect the organization to this tenant"},
    {"53003", Kind::kPermission, "a conditional access policy blocks the application from this address"},
    {"530003", Kind::kPermission, "a conditional access policy blocks the application"},
    {"50196", Kind::kRateLimited, "too many requests for tokens in a short time"},
    {"90033", Kind::kUnavailable, "Entra ID is not available at the moment"},
    {"90024", Kind::kUnavailable, "Entra ID is not available at the moment"},
});

constexpr std::string_view kPrefix = "AADSTS";

std::string number_of(const json::Json& answer) {
  // "AADSTS7000215: Invalid client secret…"
  const std::string description = json::string_or(answer, "error_description");
  if (description.starts_with(kPrefix)) {
    const std::size_t end = description.find_first_not_of("0123456789", kPrefix.size());
    return description.substr(kPrefix.size(), std::min<std::size_t>(end - kPrefix.size(), 12));
  }
  const json::Json* codes = json::find(answer, "error_codes");
  const bool has_code = codes != nullptr && codes->is_array() && !codes->empty() && codes->front().is_number_unsigned();
  return has_code ? std::to_string(codes->front().get<std::uint64_t>()) : "";
}

}  // namespace

EntraFault diagnose_entra_answer(int status, std::string_view body) {
  EntraFault fault;
  fault.kind = status == 429                    ? Kind::kRateLimited
               : status >= 500 || status == 408 ? Kind::kUnavailable
                                                : Kind::kUnauthenticated;
  json::Json answer;
  try {
    answer = json::parse_json(body, "Entra's answer");
  } catch (const Error&) {
    // A proxy's page, or the wrong address.
    if (fault.kind == Kind::kUnauthenticated) fault.kind = Kind::kConfiguration;
    fault.meaning = "the answer is not Entra's; check authority and what stands in between";
    return fault;
  }
  const std::string number = number_of(answer);
  if (!number.empty()) fault.code = std::string(kPrefix) + number;
  for (const KnownCode& known : kKnownCodes) {
    if (known.number != number) continue;
    // A server that is ill keeps its own kind, whatever code it gives.
    if (fault.kind == Kind::kUnauthenticated) fault.kind = known.kind;
    fault.meaning = known.meaning;
  }
  if (number.empty()) fault.meaning = json::string_or(answer, "error").substr(0, 100);
  return fault;
}

}  // namespace penstock::azure
