// SqliteProgram: the `sqlite3` program on a database file, asked line by line. What users and their scripts do with it.
#pragma once

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace dictsqlite::testing_support {

/// Thread-safety: none. Ownership: one process; the destructor kills it, in the middle of a transaction if it is in
/// one.
class SqliteProgram {
 public:
  explicit SqliteProgram(const std::string& path) {
    int input[2];
    int output[2];
    if (::pipe2(input, O_CLOEXEC) != 0 || ::pipe2(output, O_CLOEXEC) != 0) {
      ADD_FAILURE() << "no pipes";
      return;
    }
    ::signal(SIGPIPE, SIG_IGN);
    std::string program = "sqlite3";
    std::string options[] = {"-batch", "-noheader", "-init", "/dev/null", path};
    char* argv[] = {
        program.data(), options[0].data(), options[1].data(), options[2].data(), options[3].data(), options[4].data(),
        nullptr};
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, output[1], STDERR_FILENO);
    const int error = ::posix_spawnp(&pid_, "sqlite3", &actions, nullptr, argv, environ);
    EXPECT_EQ(error, 0) << "the program sqlite3 is needed";
    if (error != 0) pid_ = -1;
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(input[0]);
    ::close(output[1]);
    to_ = input[1];
    from_ = output[0];
  }
  ~SqliteProgram() {
    kill();
    if (to_ >= 0) ::close(to_);
    if (from_ >= 0) ::close(from_);
  }
  SqliteProgram(const SqliteProgram&) = delete;
  SqliteProgram& operator=(const SqliteProgram&) = delete;

  /// What the program prints for a line, errors included, without the last line end. "gone" if it has ended or does not
  /// answer within a minute.
  std::string ask(const std::string& line) {
    const std::string mark = "answer " + std::to_string(++asked_) + " ends here\n";
    const std::string text = line + "\n.print " + mark;
    if (::write(to_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) return "gone";
    std::string answer;
    while (!answer.ends_with(mark)) {
      constexpr int kSilenceMaxMs = 60'000;
      pollfd output{from_, POLLIN, 0};
      char chunk[4096];
      const int ready = ::poll(&output, 1, kSilenceMaxMs);
      if (ready < 0 && errno == EINTR) continue;
      const ssize_t got = ready > 0 ? ::read(from_, chunk, sizeof chunk) : 0;
      if (got <= 0) return "gone";
      answer.append(chunk, static_cast<std::size_t>(got));
    }
    answer.resize(answer.size() - mark.size());
    if (answer.ends_with('\n')) answer.pop_back();
    return answer;
  }

  void kill() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
  int to_ = -1;
  int from_ = -1;
  int asked_ = 0;
};

}  // namespace dictsqlite::testing_support
