// Credentials that the machine lends: the container's endpoint (ECS, EKS Pod Identity) and EC2's metadata (IMDSv2).
#pragma once

#include <string>

#include "core/aws/credentials.h"
#include "core/aws/shared_config.h"
#include "core/http/transport.h"

namespace penstock::aws {

// AWS_CONTAINER_CREDENTIALS_{RELATIVE,FULL}_URI is set.
bool has_container_credentials(const VariableLookup& variable);

// Plain http only to loopback and the link-local addresses of ECS and EKS; Error{kConfiguration} otherwise. The
// authorization token file is read at each call.
Credentials load_container_credentials(http::HttpTransport& transport, const VariableLookup& variable);

// Error{kUnauthenticated} when there is no such service, no role, or AWS_EC2_METADATA_DISABLED is set.
Credentials load_instance_credentials(http::HttpTransport& transport, const VariableLookup& variable,
                                      const ConfigSection& profile);

}  // namespace penstock::aws
