// Multipart uploads.
#include <cerrno>

#include <fcntl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "core/base/files.h"
#include "core/base/ids.h"
#include "core/base/text.h"
#include "tests/sandbox/checksums.h"
#include "tests/sandbox/s3.h"
#include "tests/sandbox/service_error.h"
#include "tests/sandbox/sts.h"

namespace penstock::sandbox {
namespace {

constexpr std::uint64_t kMinPart = 5u << 20;
constexpr std::string_view kNamespace = " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";

std::string inner(const std::string& xml, const std::string& name) {
  const auto begin = xml.find("<" + name + ">");
  if (begin == std::string::npos) return {};
  const auto from = begin + name.size() + 2;
  const auto end = xml.find("</" + name + ">", from);
  if (end == std::string::npos) return {};
  return std::string(trim(std::string_view(xml).substr(from, end - from)));
}

struct NamedPart {
  int number = 0;
  std::string etag;
};

std::vector<NamedPart> parse_parts(const std::string& xml) {
  const auto malformed = [] {
    return ServiceError(400, "MalformedXML", "The XML you provided was not well-formed or did not validate.");
  };
  if (xml.find("<CompleteMultipartUpload") == std::string::npos) throw malformed();
  std::vector<NamedPart> parts;
  for (std::size_t at = xml.find("<Part>"); at != std::string::npos; at = xml.find("<Part>", at + 1)) {
    const auto end = xml.find("</Part>", at);
    if (end == std::string::npos) throw malformed();
    const auto part = xml.substr(at, end - at);
    const auto number = parse_unsigned(inner(part, "PartNumber"));
    auto etag = inner(part, "ETag");
    for (std::size_t quote = etag.find("&quot;"); quote != std::string::npos; quote = etag.find("&quot;"))
      etag.erase(quote, 6);
    for (std::size_t quote = etag.find("&#34;"); quote != std::string::npos; quote = etag.find("&#34;"))
      etag.erase(quote, 5);
    std::erase(etag, '"');
    if (!number || *number < 1 || *number > 10'000 || etag.empty()) throw malformed();
    parts.push_back({static_cast<int>(*number), etag});
  }
  if (parts.empty() || parts.size() > 10'000) throw malformed();
  return parts;
}

void append_file(int out, const std::filesystem::path& from, std::uint64_t size) {
  UniqueFd in(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in) throw_errno("opening a part", errno);
  while (size > 0) {
    const auto count = ::sendfile(out, in.get(), nullptr, std::min<std::uint64_t>(size, 64u << 20));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) throw_errno("joining the parts", errno);
    size -= static_cast<std::uint64_t>(count);
  }
}

}  // namespace

S3::Upload& S3::get_upload(const S3Target& target) {
  const auto found = uploads_.find(target.parameter("uploadId"));
  if (found == uploads_.end() || found->second.object.bucket != target.bucket ||
      found->second.object.key != target.key) {
    throw ServiceError(404, "NoSuchUpload",
                       "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
                       "aborted or completed.")
        .with("UploadId", target.parameter("uploadId"));
  }
  return found->second;
}

Response S3::create_multipart_upload(Request& request, const S3Target& target, const Verified& verified) {
  check_encryption(request, target);
  read_document(request, verified, 1024);
  Upload upload;
  upload.id = to_base64(make_uuid_v4() + make_uuid_v4());
  for (auto& c : upload.id) c = c == '+' ? '.' : c == '/' ? '_' : c == '=' ? '-' : c;
  upload.object = described(request, target, verified);
  upload.object.checksum_name = to_lower(request.header("x-amz-checksum-algorithm"));
  if (!upload.object.checksum_name.empty() && !Checksum::make(upload.object.checksum_name)) {
    throw ServiceError(400, "InvalidRequest", "Checksum algorithm provided is unsupported.");
  }
  upload.initiated = to_milliseconds(clock_.now());
  auto response = xml_response(200, "<InitiateMultipartUploadResult" + std::string(kNamespace) + "><Bucket>" +
                                        escape_xml(target.bucket) + "</Bucket><Key>" + escape_xml(target.key) +
                                        "</Key><UploadId>" + upload.id + "</UploadId></InitiateMultipartUploadResult>");
  response.headers.push_back({"x-amz-server-side-encryption", upload.object.encryption});
  if (!upload.object.kms_key_id.empty()) {
    response.headers.push_back({"x-amz-server-side-encryption-aws-kms-key-id", upload.object.kms_key_id});
  }
  std::lock_guard lock(mutex_);
  journal_.put("upload", upload.id,
               {{"id", upload.id}, {"initiated", upload.initiated}, {"object", encode(upload.object)}});
  journal_.flush();
  uploads_[upload.id] = std::move(upload);
  return response;
}

Response S3::upload_part(Request& request, const S3Target& target, const Verified& verified) {
  const auto number = parse_unsigned(target.parameter("partNumber"));
  if (!number || *number < 1 || *number > 10'000) {
    throw ServiceError(400, "InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
        .with("ArgumentName", "partNumber");
  }
  if (request.find("x-amz-server-side-encryption")) {
    throw ServiceError(400, "InvalidArgument",
                       "x-amz-server-side-encryption header is not supported for this operation.");
  }
  std::string algorithm;
  {
    std::lock_guard lock(mutex_);
    algorithm = get_upload(target).object.checksum_name;
  }
  auto received = receive(request, verified, algorithm);
  Part part;
  part.size = received.size;
  part.md5 = received.md5;
  part.checksum = received.checksum;
  part.etag = "\"" + to_hex(received.md5) + "\"";
  part.modified = to_milliseconds(clock_.now());
  Response response;
  response.headers.push_back({"ETag", part.etag});
  if (!received.checksum.empty()) {
    response.headers.push_back({"x-amz-checksum-" + received.checksum_name, received.checksum});
  }
  std::string old_file;
  {
    std::lock_guard lock(mutex_);
    auto& upload = get_upload(target);  // it may have been aborted meanwhile
    part.file = received.file.keep();
    auto& slot = upload.parts[static_cast<int>(*number)];
    old_file = slot.file;
    journal_.put("part", upload.id + "/" + std::to_string(*number),
                 {{"upload", upload.id},
                  {"number", *number},
                  {"file", part.file},
                  {"etag", part.etag},
                  {"md5", to_hex(part.md5)},
                  {"checksum", part.checksum},
                  {"size", part.size},
                  {"modified", part.modified}});
    slot = std::move(part);
  }
  journal_.flush();
  std::error_code ignored;
  if (!old_file.empty()) std::filesystem::remove(path_of(old_file), ignored);
  return response;
}

Response S3::complete_multipart_upload(Request& request, const S3Target& target, const Verified& verified) {
  const auto body = read_document(request, verified, 4u << 20);
  const auto named = parse_parts(body);
  const auto id = target.parameter("uploadId");
  Upload upload;
  {
    std::lock_guard lock(mutex_);
    // Completing again what was completed with the same parts is answered as the first time.
    if (const auto done = completed_.find(id); done != completed_.end() && done->second.first == sha256_hex(body)) {
      return xml_response(200, done->second.second);
    }
    upload = get_upload(target);
  }
  Object object = upload.object;
  object.size = 0;
  std::string md5s, checksums;
  for (std::size_t i = 0; i < named.size(); ++i) {
    if (i > 0 && named[i].number <= named[i - 1].number) {
      throw ServiceError(400, "InvalidPartOrder", "The list of parts was not in ascending order.");
    }
    const auto found = upload.parts.find(named[i].number);
    if (found == upload.parts.end() || found->second.etag != "\"" + named[i].etag + "\"") {
      throw ServiceError(
          400, "InvalidPart",
          "One or more of the specified parts could not be found. The part may not have been uploaded, or "
          "the specified entity tag may not match the part's entity tag.")
          .with("PartNumber", std::to_string(named[i].number));
    }
    if (i + 1 < named.size() && found->second.size < kMinPart) {
      throw ServiceError(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed object size.")
          .with("PartNumber", std::to_string(named[i].number))
          .with("ProposedSize", std::to_string(found->second.size));
    }
    object.size += found->second.size;
    md5s += found->second.md5;
    if (!object.checksum_name.empty()) checksums += from_base64(found->second.checksum).value_or("");
  }
  object.parts = static_cast<int>(named.size());
  object.etag = "\"" + to_hex(hash(HashAlgorithm::kMd5, md5s)) + "-" + std::to_string(named.size()) + "\"";
  if (!object.checksum_name.empty()) {
    auto checksum = Checksum::make(object.checksum_name);
    checksum->update(checksums);
    object.checksum = checksum->finish() + "-" + std::to_string(named.size());
    if (object.checksum_name == "crc64nvme") object.checksum.clear();  // only known for the whole object
  }
  auto file = new_file();
  {
    UniqueFd out(::open(file.path().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!out) throw_errno("creating an object's file", errno);
    for (const auto& part : named) {
      const auto& stored = upload.parts.at(part.number);
      append_file(out.get(), path_of(stored.file), stored.size);
    }
  }
  auto answer = "<CompleteMultipartUploadResult" + std::string(kNamespace) + "><Location>http://" +
                escape_xml(request.header("Host")) + "/" + escape_xml(target.bucket) + "/" + escape_xml(target.key) +
                "</Location><Bucket>" + escape_xml(target.bucket) + "</Bucket><Key>" + escape_xml(target.key) +
                "</Key><ETag>" + escape_xml(object.etag) + "</ETag></CompleteMultipartUploadResult>";
  {
    std::lock_guard lock(mutex_);
    get_upload(target);  // two that complete at once: the second finds it gone, as its parts are
    uploads_.erase(id);
    completed_[id] = {sha256_hex(body), answer};
    journal_.remove("upload", id);
    for (const auto& [number, part] : upload.parts) journal_.remove("part", id + "/" + std::to_string(number));
  }
  object.file = file.keep();
  auto response = xml_response(200, std::move(answer));
  response.headers.push_back({"x-amz-server-side-encryption", object.encryption});
  if (!object.kms_key_id.empty()) {
    response.headers.push_back({"x-amz-server-side-encryption-aws-kms-key-id", object.kms_key_id});
  }
  store(std::move(object));
  std::error_code ignored;
  for (const auto& [number, part] : upload.parts) std::filesystem::remove(path_of(part.file), ignored);
  return response;
}

Response S3::abort_multipart_upload(Request&, const S3Target& target, const Verified&) {
  std::map<int, Part> parts;
  {
    std::lock_guard lock(mutex_);
    auto& upload = get_upload(target);
    parts = std::move(upload.parts);
    journal_.remove("upload", upload.id);
    for (const auto& [number, part] : parts) journal_.remove("part", upload.id + "/" + std::to_string(number));
    uploads_.erase(upload.id);
  }
  journal_.flush();
  std::error_code ignored;
  for (const auto& [number, part] : parts) std::filesystem::remove(path_of(part.file), ignored);
  Response response;
  response.status = 204;
  return response;
}

Response S3::list_parts(Request&, const S3Target& target, const Verified&) {
  std::lock_guard lock(mutex_);
  const auto& upload = get_upload(target);
  std::string body =
      "<ListPartsResult" + std::string(kNamespace) + "><Bucket>" + escape_xml(target.bucket) + "</Bucket><Key>" +
      escape_xml(target.key) + "</Key><UploadId>" + upload.id +
      "</UploadId><StorageClass>STANDARD</StorageClass><MaxParts>10000</MaxParts><IsTruncated>false</IsTruncated>";
  for (const auto& [number, part] : upload.parts) {
    body += "<Part><PartNumber>" + std::to_string(number) + "</PartNumber><LastModified>" +
            format_rfc3339(from_milliseconds(part.modified)) + "</LastModified><ETag>" + escape_xml(part.etag) +
            "</ETag><Size>" + std::to_string(part.size) + "</Size></Part>";
  }
  return xml_response(200, body + "</ListPartsResult>");
}

Response S3::list_multipart_uploads(Request&, const S3Target& target, const Verified&) {
  std::lock_guard lock(mutex_);
  std::string body = "<ListMultipartUploadsResult" + std::string(kNamespace) + "><Bucket>" + escape_xml(target.bucket) +
                     "</Bucket><MaxUploads>1000</MaxUploads><IsTruncated>false</IsTruncated>";
  for (const auto& [id, upload] : uploads_) {
    if (upload.object.bucket != target.bucket) continue;
    body += "<Upload><Key>" + escape_xml(upload.object.key) + "</Key><UploadId>" + id + "</UploadId><Initiated>" +
            format_rfc3339(from_milliseconds(upload.initiated)) + "</Initiated></Upload>";
  }
  return xml_response(200, body + "</ListMultipartUploadsResult>");
}

}  // namespace penstock::sandbox
