#include "core/listener/response_stream.h"

#include <algorithm>
#include <string>
#include <utility>

namespace penstock::listener {

bool StreamGate::wait_for_room(std::size_t bytes) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return closed_ || unsent_ == 0 || unsent_ + bytes <= kMaxUnsent; });
  unsent_ += bytes;
  return !closed_;
}

void StreamGate::release(std::size_t bytes) {
  {
    std::lock_guard lock(mutex_);
    unsent_ -= std::min(bytes, unsent_);
  }
  changed_.notify_all();
}

void StreamGate::close() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

std::function<void()> make_stream_work(std::shared_ptr<StreamGate> gate, std::shared_ptr<Inbox> inbox,
                                       std::uint64_t connection, std::uint64_t sequence,
                                       decltype(Response::stream) write_pieces) {
  return [gate = std::move(gate), inbox = std::move(inbox), connection, sequence, stream = std::move(write_pieces)] {
    using Kind = Inbox::Message::Kind;
    bool alive = true;
    const auto post = [&](Kind kind, std::string_view piece) {
      return inbox->post({.connection = connection,
                          .sequence = sequence,
                          .kind = kind,
                          .response = {},
                          .piece = std::string(piece),
                          .task = {}});
    };
    const std::function<bool(std::string_view)> write = [&](std::string_view piece) {
      if (!piece.empty()) alive = alive && gate->wait_for_room(piece.size()) && post(Kind::kPiece, piece);
      return alive;
    };
    try {
      while (alive && stream(write)) {
      }
      post(Kind::kLastPiece, {});
    } catch (...) {
      // The client sees a body that breaks off, which is what happened.
      post(Kind::kBrokenOff, {});
    }
  };
}

}  // namespace penstock::listener
