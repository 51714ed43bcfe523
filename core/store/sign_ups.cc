#include "core/store/sign_ups.h"

#include "core/base/error.h"

#define SIGN_UP_COLUMNS                                                                                        \
  "seq, action_type, client_id, sealed_token, region, pipeline, stage, action, created_at, confirmed_at FROM " \
  "sign_ups "

namespace penstock::store {
namespace {

std::vector<SignUp> read_all(Statement& rows) {
  std::vector<SignUp> list;
  while (rows.step()) {
    list.push_back({.number = rows.integer(0),
                    .action_type = rows.text(1),
                    .client_id = rows.text(2),
                    .sealed_token = rows.text(3),
                    .region = rows.text(4),
                    .pipeline = rows.text(5),
                    .stage = rows.text(6),
                    .action = rows.text(7),
                    .created_at = rows.time(8),
                    .confirmed_at = rows.optional_time(9)});
  }
  return list;
}

void insert(Connection& connection, const NewSignUp& sign_up) {
  connection
      .prepare(
          "INSERT INTO sign_ups (action_type, client_id, sealed_token, region, pipeline, stage, action, created_at) "
          "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")
      .run(sign_up.action_type, sign_up.client_id, Blob{sign_up.sealed_token}, sign_up.region, sign_up.pipeline,
           sign_up.stage, sign_up.action, sign_up.time);
  connection
      .prepare(
          "DELETE FROM sign_ups WHERE seq IN (SELECT seq FROM sign_ups WHERE action_type = ?1 AND client_id = ?2 "
          "AND confirmed_at IS NULL ORDER BY seq DESC LIMIT -1 OFFSET ?3)")
      .run(sign_up.action_type, sign_up.client_id, kMaxUnconfirmedOfClient);
  connection
      .prepare(
          "DELETE FROM sign_ups WHERE confirmed_at IS NULL AND seq <= (SELECT max(seq) FROM sign_ups "
          "WHERE confirmed_at IS NULL) - ?1")
      .run(kMaxUnconfirmedSignUps);
}

}  // namespace

void record_sign_up(Connection& connection, const NewSignUp& sign_up) {
  connection.prepare("INSERT OR IGNORE INTO sign_up_requests (digest) VALUES (?1)").run(Blob{sign_up.request_digest});
  if (connection.changes() == 0) {
    throw Error(ErrorKind::kConflict, "recording a sign-up: its request was used before");
  }
  connection.prepare("DELETE FROM sign_up_requests WHERE seq <= (SELECT max(seq) FROM sign_up_requests) - ?1")
      .run(kMaxUsedRequests);
  if (sign_up.known) {
    connection.prepare("UPDATE sign_ups SET region = ?2, pipeline = ?3, stage = ?4, action = ?5 WHERE seq = ?1")
        .run(*sign_up.known, sign_up.region, sign_up.pipeline, sign_up.stage, sign_up.action);
    if (connection.changes() > 0) return;
    // It went meanwhile.
  }
  insert(connection, sign_up);
}

bool is_sign_up_request_used(Connection& connection, const std::string& digest) {
  Statement row = connection.prepare("SELECT 1 FROM sign_up_requests WHERE digest = ?1");
  row.bind(Blob{digest});
  return row.step();
}

std::vector<SignUp> load_sign_ups(Connection& connection, const std::string& action_type,
                                  const std::string& client_id) {
  Statement rows = connection.prepare("SELECT " SIGN_UP_COLUMNS
                                      "WHERE action_type = ?1 AND client_id = ?2 "
                                      "ORDER BY confirmed_at IS NULL, seq DESC");
  rows.bind(action_type, client_id);
  return read_all(rows);
}

std::vector<SignUp> load_sign_ups_after(Connection& connection, std::int64_t number, int limit) {
  Statement rows = connection.prepare("SELECT " SIGN_UP_COLUMNS "WHERE seq > ?1 ORDER BY seq LIMIT ?2");
  rows.bind(number, limit);
  return read_all(rows);
}

void confirm_sign_up(Connection& connection, std::int64_t number, Timestamp time) {
  connection.prepare("UPDATE sign_ups SET confirmed_at = ?2 WHERE seq = ?1 AND confirmed_at IS NULL").run(number, time);
  connection
      .prepare(
          "DELETE FROM sign_ups WHERE seq IN (SELECT other.seq FROM sign_ups AS other JOIN sign_ups AS this "
          "ON other.action_type = this.action_type AND other.client_id = this.client_id WHERE this.seq = ?1 "
          "AND other.confirmed_at IS NOT NULL ORDER BY other.seq = ?1 DESC, other.seq DESC LIMIT -1 OFFSET ?2)")
      .run(number, kMaxConfirmedOfClient);
}

void replace_sealed_token(Connection& connection, std::int64_t number, const std::string& before,
                          const std::string& after) {
  connection.prepare("UPDATE sign_ups SET sealed_token = ?3 WHERE seq = ?1 AND sealed_token = ?2")
      .run(number, Blob{before}, Blob{after});
}

}  // namespace penstock::store
