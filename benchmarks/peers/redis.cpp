// Redis: a server of its own behind a unix socket, which appends to its file and syncs that once a second, or before it
// answers if that is asked for; a connection for each thread. It holds every row in memory: there is no cache to
// choose.
#include "peers/blocking_store.hpp"
#include "support/check.hpp"

#include <hiredis/hiredis.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dictsqlite::bench {

namespace {

using Reply = std::unique_ptr<redisReply, decltype(&freeReplyObject)>;

class Redis final : public BlockingStore {
 public:
  explicit Redis(const StoreOptions& options) : socket_(options.directory + "/redis.sock") {
    server_ = ::fork();
    if (server_ < 0) die("redis-server", "no process");
    if (server_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket_.c_str(), "--dir",
               options.directory.c_str(), "--save", "", "--appendonly", "yes", "--appendfsync",
               options.synced ? "always" : "everysec", "--logfile", "/dev/null", nullptr);
      ::_exit(127);
    }
    constexpr int kLooksMax = 500;
    for (int look = 0; look < kLooksMax && ::access(socket_.c_str(), F_OK) != 0; ++look) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));  // until it listens
    }
  }
  ~Redis() override {
    ::kill(server_, SIGTERM);
    ::waitpid(server_, nullptr, 0);
  }
  Redis(const Redis&) = delete;
  Redis& operator=(const Redis&) = delete;

  void put(std::string_view key, std::string_view value) override {
    (void)ask("SET %b %b", key.data(), key.size(), value.data(), value.size());
  }
  void put_all(std::span<const StoreRow> rows) override {
    redisContext& own = connection();
    for (const StoreRow& row : rows) append_put(own, row);
    for (std::size_t answer = 0; answer < rows.size(); ++answer) (void)receive(own);
  }
  void put_each(std::span<const StoreRow> rows) override {
    while (clients_.size() < rows.size()) clients_.push_back(connect());
    for (std::size_t index = 0; index < rows.size(); ++index) {
      append_put(*clients_[index], rows[index]);
      for (int is_sent = 0; is_sent == 0;) {
        if (redisBufferWrite(clients_[index].get(), &is_sent) != REDIS_OK) die("Redis", clients_[index]->errstr);
      }
    }
    for (std::size_t index = 0; index < rows.size(); ++index) (void)receive(*clients_[index]);
  }
  std::size_t get_all(std::span<const std::string_view> keys) override {
    redisContext& own = connection();
    for (const std::string_view key : keys) {
      if (redisAppendCommand(&own, "GET %b", key.data(), key.size()) != REDIS_OK) die("Redis", own.errstr);
    }
    std::size_t there = 0;
    for (std::size_t answer = 0; answer < keys.size(); ++answer) {
      there += receive(own)->type == REDIS_REPLY_STRING ? 1u : 0u;
    }
    return there;
  }
  bool get(std::string_view key, std::string& value) override {
    const Reply reply = ask("GET %b", key.data(), key.size());
    if (reply->type != REDIS_REPLY_STRING) return false;
    value.assign(reply->str, reply->len);
    return true;
  }
  std::size_t scan(std::string_view /*from*/, std::size_t /*rows*/) override { die("Redis", "its rows have no order"); }

  double servers_cpu_seconds() override {
    std::FILE* file = std::fopen(("/proc/" + std::to_string(server_) + "/stat").c_str(), "re");
    unsigned long user = 0;
    unsigned long system = 0;
    if (file == nullptr ||
        std::fscanf(file, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2) {
      die("redis-server", "has ended");
    }
    std::fclose(file);
    return static_cast<double>(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }
  std::size_t servers_peak_bytes() override {
    std::FILE* file = std::fopen(("/proc/" + std::to_string(server_) + "/status").c_str(), "re");
    if (file == nullptr) die("redis-server", "has ended");
    std::size_t kib = 0;
    for (char line[256]; std::fgets(line, sizeof line, file) != nullptr;) {
      if (std::sscanf(line, "VmHWM: %zu kB", &kib) == 1) break;
    }
    std::fclose(file);
    return kib * 1024;
  }

 private:
  using Connection = std::unique_ptr<redisContext, decltype(&redisFree)>;

  [[nodiscard]] Connection connect() const {
    Connection connection(redisConnectUnix(socket_.c_str()), &redisFree);
    if (connection == nullptr) die("Redis", "no memory for a connection");
    if (connection->err != 0) die("Redis", connection->errstr);
    return connection;
  }
  // The calling thread's.
  [[nodiscard]] redisContext& connection() const {
    static thread_local Connection connection(nullptr, &redisFree);
    if (connection == nullptr) connection = connect();
    return *connection;
  }
  static void append_put(redisContext& to, const StoreRow& row) {
    if (redisAppendCommand(&to, "SET %b %b", row.key.data(), row.key.size(), row.value.data(), row.value.size()) !=
        REDIS_OK) {
      die("Redis", to.errstr);
    }
  }
  static Reply receive(redisContext& from) {
    void* reply = nullptr;
    if (redisGetReply(&from, &reply) != REDIS_OK) die("Redis", from.errstr);
    return checked(reply, from);
  }
  template <class... Arguments>
  Reply ask(const char* format, Arguments... arguments) {
    redisContext& own = connection();
    return checked(redisCommand(&own, format, arguments...), own);
  }
  static Reply checked(void* answer, const redisContext& from) {
    Reply reply(static_cast<redisReply*>(answer), &freeReplyObject);
    if (reply == nullptr) die("Redis", from.errstr);
    if (reply->type == REDIS_REPLY_ERROR) die("Redis", reply->str);
    return reply;
  }

  const std::string socket_;
  std::vector<Connection> clients_;  // of put_each()
  pid_t server_ = -1;
};

}  // namespace

std::unique_ptr<BlockingStore> open_redis(const StoreOptions& options) { return std::make_unique<Redis>(options); }

}  // namespace dictsqlite::bench
