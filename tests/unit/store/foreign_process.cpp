#include "foreign_process.hpp"

#include "store_test_support.hpp"

#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdlib>

namespace dictsqlite::store::testing {

namespace {

// One message: its length in four bytes, then its bytes.
void send(int fd, const std::string& text) {
  const auto length = static_cast<std::uint32_t>(text.size());
  std::string message(reinterpret_cast<const char*>(&length), sizeof length);
  message += text;
  if (::write(fd, message.data(), message.size()) != static_cast<ssize_t>(message.size())) std::abort();
}

bool receive_bytes(int fd, char* out, std::size_t count) {
  while (count > 0) {
    const ssize_t got = ::read(fd, out, count);
    if (got <= 0) return false;
    out += got;
    count -= static_cast<std::size_t>(got);
  }
  return true;
}

bool receive(int fd, std::string& text) {
  std::uint32_t length = 0;
  if (!receive_bytes(fd, reinterpret_cast<char*>(&length), sizeof length)) return false;
  text.resize(length);
  return receive_bytes(fd, text.data(), length);
}

std::string code_text(int code) { return code == SQLITE_OK ? "ok" : "error " + std::to_string(code & 0xff); }
std::string code_text(const absl::Status& status) {
  return status.ok() ? "ok" : std::to_string(static_cast<int>(status.code()));
}

std::string run(sqlite3* database, const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  int code = sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr);
  if (code != SQLITE_OK) return code_text(code);
  std::string answer;
  code = sqlite3_step(statement);
  if (code == SQLITE_ROW) {
    for (int column = 0; column < sqlite3_column_count(statement); ++column) {
      const unsigned char* text = sqlite3_column_text(statement, column);
      answer += (column == 0 ? "" : "|") + std::string(text == nullptr ? "" : reinterpret_cast<const char*>(text));
    }
  } else if (code != SQLITE_DONE) {
    answer = code_text(code);
  }
  sqlite3_finalize(statement);
  return answer;
}

[[noreturn]] void serve(int in, int out) {
  sqlite3* plain = nullptr;
  std::unique_ptr<SqliteStore> store;
  std::uint64_t sequence = 0;
  std::string message;
  while (receive(in, message)) {
    const std::string argument = message.substr(1);
    switch (message[0]) {
      case 'o':
        send(out, code_text(sqlite3_open_v2(argument.c_str(), &plain, SQLITE_OPEN_READWRITE, nullptr)));
        break;
      case 'q':
        send(out, run(plain, argument));
        break;
      case 'w': {
        auto opened = SqliteStore::open(options_for(argument));
        send(out, code_text(opened.status()));
        if (opened.ok()) store = *std::move(opened);
        if (store) sequence = store->writer().last_sequence();
        break;
      }
      case 'p':
        send(out, code_text(apply_sets(*store, {{argument, "value of " + argument}}, ++sequence)));
        break;
      default:
        sync_log(*store);
        send(out, "ok");
        break;
    }
  }
  ::_exit(0);
}

}  // namespace

ForeignProcess::ForeignProcess() {
  int requests[2];
  int answers[2];
  if (::pipe(requests) != 0 || ::pipe(answers) != 0) std::abort();
  pid_ = ::fork();
  if (pid_ < 0) std::abort();
  if (pid_ == 0) {
    ::close(requests[1]);
    ::close(answers[0]);
    serve(requests[0], answers[1]);
  }
  ::close(requests[0]);
  ::close(answers[1]);
  to_ = requests[1];
  from_ = answers[0];
}

ForeignProcess::~ForeignProcess() {
  kill();
  ::close(to_);
  ::close(from_);
}

void ForeignProcess::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::string ForeignProcess::ask(char verb, const std::string& argument) {
  send(to_, verb + argument);
  std::string answer;
  return receive(from_, answer) ? answer : "gone";
}

std::string ForeignProcess::open(const std::string& path) { return ask('o', path); }
std::string ForeignProcess::query(const std::string& sql) { return ask('q', sql); }
std::string ForeignProcess::own(const std::string& path) { return ask('w', path); }
std::string ForeignProcess::put(const std::string& key) { return ask('p', key); }
std::string ForeignProcess::sync() { return ask('s', ""); }

}  // namespace dictsqlite::store::testing
