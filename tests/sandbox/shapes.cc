// The limits that AWS documents for the members of its requests; members that are not listed are ignored.
#include "tests/sandbox/validation.h"

namespace penstock::sandbox {
namespace {

constexpr std::string_view kCodePipeline = R"table(
Boolean boolean
Timestamp timestamp
String string 0 -
Uuid string 0 - [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}
Name string 1 100 [A-Za-z0-9.@\-_]+
ArtifactName string 1 100 [a-zA-Z0-9_\-]+
Namespace string 1 100 [A-Za-z0-9@\-_]+
Nonce string 1 50
NextToken string 1 2048
MaxResults integer 1 100
MaxPipelines integer 1 1000
MaxBatchSize integer 1 -
PipelineVersion integer 1 -
RoleArn string 0 1024 arn:aws(-[\w]+)*:iam::[0-9]{12}:role/.*
ResourceArn string 0 - arn:aws(-[\w]+)*:codepipeline:.+:[0-9]{12}:.+
RegionName string 4 30
Category enum Source Build Deploy Test Invoke Approval Compute
Owner enum AWS ThirdParty Custom
Provider string 1 35 [0-9A-Za-z_-]+
Version string 1 9 [0-9A-Za-z_-]+
ActionTypeId struct category*:Category owner*:Owner provider*:Provider version*:Version
ConfigurationKey string 1 50
ConfigurationValue string 1 1000
ConfigurationMap map 0 - ConfigurationKey ConfigurationValue
QueryValue string 1 50 [a-zA-Z0-9_-]+
QueryParam map 0 1 ConfigurationKey QueryValue
TagKey string 1 128
TagValue string 0 256
Tag struct key*:TagKey value*:TagValue
TagList list 0 50 Tag
TagKeyList list 0 50 TagKey
Url string 1 2048
Settings struct thirdPartyConfigurationUrl:Url entityUrlTemplate:Url executionUrlTemplate:Url revisionUrlTemplate:Url
PropertyDescription string 1 160
PropertyType enum String Number Boolean
Property struct name*:ConfigurationKey required*:Boolean key*:Boolean secret*:Boolean queryable:Boolean description:PropertyDescription type:PropertyType
PropertyList list 0 10 Property
ArtifactCount integer 0 5
ArtifactDetails struct minimumCount*:ArtifactCount maximumCount*:ArtifactCount
CreateCustomActionType struct category*:Category provider*:Provider version*:Version settings:Settings configurationProperties:PropertyList inputArtifactDetails*:ArtifactDetails outputArtifactDetails*:ArtifactDetails tags:TagList
DeleteCustomActionType struct category*:Category provider*:Provider version*:Version
ListActionTypes struct actionOwnerFilter:Owner nextToken:NextToken regionFilter:RegionName
StoreType enum S3
BucketName string 3 63 [a-zA-Z0-9\-\.]+
KeyType enum KMS
KeyId string 1 400
EncryptionKey struct id*:KeyId type*:KeyType
ArtifactStore struct type*:StoreType location*:BucketName encryptionKey:EncryptionKey
ArtifactStoreMap map 0 - RegionName ArtifactStore
FilePath string 1 128
FileList list 1 10 FilePath
OutputArtifact struct name*:ArtifactName files:FileList
InputArtifact struct name*:ArtifactName
OutputArtifactList list 0 - OutputArtifact
InputArtifactList list 0 - InputArtifact
RunOrder integer 1 999
TimeoutMinutes integer 5 86400
Command string 1 1000
CommandList list 1 50 Command
Action struct name*:Name actionTypeId*:ActionTypeId runOrder:RunOrder configuration:ConfigurationMap commands:CommandList outputArtifacts:OutputArtifactList inputArtifacts:InputArtifactList roleArn:RoleArn region:RegionName namespace:Namespace timeoutInMinutes:TimeoutMinutes
ActionList list 0 - Action
BlockerType enum Schedule
Blocker struct name*:Name type*:BlockerType
BlockerList list 0 - Blocker
Stage struct name*:Name blockers:BlockerList actions*:ActionList
StageList list 0 - Stage
ExecutionMode enum QUEUED SUPERSEDED PARALLEL
PipelineType enum V1 V2
VariableName string 1 128 [A-Za-z0-9@\-_]+
VariableValue string 1 1000
VariableDescription string 0 200
VariableDeclaration struct name*:VariableName defaultValue:VariableValue description:VariableDescription
VariableDeclarationList list 0 50 VariableDeclaration
TriggerProvider enum CodeStarSourceConnection
TriggerGlob string 1 255
TriggerGlobList list 1 8 TriggerGlob
TriggerCriteria struct includes:TriggerGlobList excludes:TriggerGlobList
PushFilter struct tags:TriggerCriteria branches:TriggerCriteria filePaths:TriggerCriteria
PushFilterList list 1 3 PushFilter
PullRequestEvent enum OPEN UPDATED CLOSED
PullRequestEventList list 1 3 PullRequestEvent
PullRequestFilter struct events:PullRequestEventList branches:TriggerCriteria filePaths:TriggerCriteria
PullRequestFilterList list 1 3 PullRequestFilter
GitConfiguration struct sourceActionName*:Name push:PushFilterList pullRequest:PullRequestFilterList
TriggerDeclaration struct providerType*:TriggerProvider gitConfiguration*:GitConfiguration
TriggerList list 0 50 TriggerDeclaration
Pipeline struct name*:Name roleArn*:RoleArn artifactStore:ArtifactStore artifactStores:ArtifactStoreMap stages*:StageList version:PipelineVersion executionMode:ExecutionMode pipelineType:PipelineType variables:VariableDeclarationList triggers:TriggerList
CreatePipeline struct pipeline*:Pipeline tags:TagList
UpdatePipeline struct pipeline*:Pipeline
GetPipeline struct name*:Name version:PipelineVersion
DeletePipeline struct name*:Name
ListPipelines struct nextToken:NextToken maxResults:MaxPipelines
Variable struct name*:VariableName value*:VariableValue
VariableList list 1 50 Variable
ClientRequestToken string 1 128 [a-zA-Z0-9-]+
RevisionType enum COMMIT_ID IMAGE_DIGEST S3_OBJECT_VERSION_ID S3_OBJECT_KEY
Revision string 1 1500
SourceRevisionOverride struct actionName*:Name revisionType*:RevisionType revisionValue*:Revision
SourceRevisionOverrideList list 0 50 SourceRevisionOverride
StartPipelineExecution struct name*:Name variables:VariableList clientRequestToken:ClientRequestToken sourceRevisions:SourceRevisionOverrideList
StopReason string 0 200
StopPipelineExecution struct pipelineName*:Name pipelineExecutionId*:Uuid abandon:Boolean reason:StopReason
GetPipelineExecution struct pipelineName*:Name pipelineExecutionId*:Uuid
GetPipelineState struct name*:Name
SucceededInStage struct stageName:Name
ExecutionFilter struct succeededInStage:SucceededInStage
ListPipelineExecutions struct pipelineName*:Name maxResults:MaxResults filter:ExecutionFilter nextToken:NextToken
StartTimeRange enum Latest All
LatestInExecution struct pipelineExecutionId*:Uuid startTimeRange*:StartTimeRange
ActionExecutionFilter struct pipelineExecutionId:Uuid latestInPipelineExecution:LatestInExecution
ListActionExecutions struct pipelineName*:Name filter:ActionExecutionFilter maxResults:MaxResults nextToken:NextToken
RetryMode enum FAILED_ACTIONS ALL_ACTIONS
RetryStageExecution struct pipelineName*:Name stageName*:Name pipelineExecutionId*:Uuid retryMode*:RetryMode
PollForJobs struct actionTypeId*:ActionTypeId maxBatchSize:MaxBatchSize queryParam:QueryParam
AcknowledgeJob struct jobId*:Uuid nonce*:Nonce
GetJobDetails struct jobId*:Uuid
ChangeIdentifier string 1 100
RevisionSummary string 1 2048
CurrentRevision struct revision*:Revision changeIdentifier*:ChangeIdentifier created:Timestamp revisionSummary:RevisionSummary
ContinuationToken string 1 2048
ExecutionSummary string 1 2048
ExternalExecutionId string 1 1500
Percentage integer 0 100
ExecutionDetails struct summary:ExecutionSummary externalExecutionId:ExternalExecutionId percentComplete:Percentage
OutputVariableKey string 1 - [A-Za-z0-9@\-_]+
OutputVariables map 0 - OutputVariableKey String
PutJobSuccessResult struct jobId*:Uuid currentRevision:CurrentRevision continuationToken:ContinuationToken executionDetails:ExecutionDetails outputVariables:OutputVariables
FailureType enum JobFailed ConfigurationError PermissionError RevisionOutOfSync RevisionUnavailable SystemUnavailable
FailureMessage string 1 5000
FailureDetails struct type*:FailureType message*:FailureMessage externalExecutionId:ExternalExecutionId
PutJobFailureResult struct jobId*:Uuid failureDetails*:FailureDetails
ThirdPartyJobId string 1 512
ClientToken string 1 256
PollForThirdPartyJobs struct actionTypeId*:ActionTypeId maxBatchSize:MaxBatchSize
AcknowledgeThirdPartyJob struct jobId*:ThirdPartyJobId nonce*:Nonce clientToken*:ClientToken
GetThirdPartyJobDetails struct jobId*:ThirdPartyJobId clientToken*:ClientToken
PutThirdPartyJobSuccessResult struct jobId*:ThirdPartyJobId clientToken*:ClientToken currentRevision:CurrentRevision continuationToken:ContinuationToken executionDetails:ExecutionDetails
PutThirdPartyJobFailureResult struct jobId*:ThirdPartyJobId clientToken*:ClientToken failureDetails*:FailureDetails
SignUpResult enum succeeded
SignUpProperty struct key*:ConfigurationKey value*:ConfigurationValue
SignUpConfiguration list 0 10 SignUpProperty
SignUpResponse struct result*:SignUpResult requestId*:Uuid actionConfiguration*:SignUpConfiguration
JsonPath string 1 150
MatchEquals string 1 150
WebhookFilter struct jsonPath*:JsonPath matchEquals:MatchEquals
WebhookFilterList list 0 5 WebhookFilter
WebhookAuthentication enum GITHUB_HMAC IP UNAUTHENTICATED
AllowedIpRange string 1 100
SecretToken string 1 100
WebhookAuthenticationConfiguration struct AllowedIPRange:AllowedIpRange SecretToken:SecretToken
WebhookDefinition struct name*:Name targetPipeline*:Name targetAction*:Name filters*:WebhookFilterList authentication*:WebhookAuthentication authenticationConfiguration*:WebhookAuthenticationConfiguration
PutWebhook struct webhook*:WebhookDefinition tags:TagList
ListWebhooks struct NextToken:NextToken MaxResults:MaxResults
DeleteWebhook struct name*:Name
ListTagsForResource struct resourceArn*:ResourceArn nextToken:NextToken maxResults:MaxResults
TagResource struct resourceArn*:ResourceArn tags*:TagList
UntagResource struct resourceArn*:ResourceArn tagKeys*:TagKeyList
)table";

constexpr std::string_view kSecretsManager = R"table(
Name string 1 512 [0-9A-Za-z/_+=.@!-]+
SecretId string 1 2048
Token string 32 64
Stage string 1 256
StageList list 1 20 Stage
Description string 0 2048
SecretString string 1 65536
SecretBinary blob 65536
Boolean boolean
CreateSecret struct Name*:Name ClientRequestToken:Token Description:Description SecretString:SecretString SecretBinary:SecretBinary
PutSecretValue struct SecretId*:SecretId ClientRequestToken:Token SecretString:SecretString SecretBinary:SecretBinary VersionStages:StageList
GetSecretValue struct SecretId*:SecretId VersionId:Token VersionStage:Stage
DescribeSecret struct SecretId*:SecretId
DeleteSecret struct SecretId*:SecretId ForceDeleteWithoutRecovery:Boolean
)table";

}  // namespace

const Shapes& codepipeline_shapes() {
  static const Shapes shapes(kCodePipeline);
  return shapes;
}

const Shapes& secrets_manager_shapes() {
  static const Shapes shapes(kSecretsManager);
  return shapes;
}

}  // namespace penstock::sandbox
