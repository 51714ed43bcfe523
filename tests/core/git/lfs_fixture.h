// What the tests of LfsObjects share.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/git/lfs.h"
#include "tests/core/git/lfs_server.h"

namespace penstock::git {

class LfsTest : public ::testing::Test {
 protected:
  LfsObjects::Options options() {
    LfsObjects::Options options;
    options.transport = server_.transport();
    options.random_unit = [] { return 1.0; };
    options.sleep = [this](std::chrono::milliseconds duration, const std::stop_token&) {
      const std::lock_guard lock(mutex_);
      sleeps_.push_back(duration);
    };
    return options;
  }
  LfsRequest request(std::vector<LfsObject> objects) {
    LfsRequest request;
    request.folder = directory_.path() / "lfs";
    request.remote = server_.remote();
    request.objects = std::move(objects);
    request.timeout = std::chrono::seconds(60);
    request.on_progress = [this](std::string_view line) {
      const std::lock_guard lock(mutex_);
      lines_.emplace_back(line);
    };
    return request;
  }
  LfsResult fetch(const LfsRequest& request) { return LfsObjects(options()).fetch(request); }
  LfsResult fetch(const LfsObject& object) { return fetch(request({object})); }

  std::string read(const LfsPointer& pointer) {
    std::string content;
    LfsObjects(options()).read(directory_.path() / "lfs", pointer, [&](std::string_view piece) { content += piece; });
    return content;
  }
  Error error_of(const LfsRequest& request) {
    try {
      fetch(request);
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "nothing was thrown";
    return Error(ErrorKind::kInternal, "");
  }
  Error error_of(const LfsObject& object) { return error_of(request({object})); }
  static Credential credential(const std::string& value) { return HttpHeaderCredential{Secret(value)}; }
  static bool contains(const Error& error, std::string_view text) {
    return std::string_view(error.what()).find(text) != std::string_view::npos;
  }

  const TemporaryDirectory directory_;
  LfsServer server_;
  std::mutex mutex_;
  std::vector<std::chrono::milliseconds> sleeps_;  // guarded by mutex_
  std::vector<std::string> lines_;                 // guarded by mutex_
};

}  // namespace penstock::git
