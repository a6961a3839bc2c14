#include "index_tree/arguments.hpp"

#include <charconv>
#include <cstdio>
#include <string_view>

namespace index_tree {

namespace {

constexpr const char* kUsage =
    "usage: index_tree [--database PATH] [--coroutines N] [--io auto|uring|threads] [--no-kill] [--seed N] "
    "[DIRECTORY]\n"
    "\n"
    "Stores every file under DIRECTORY (/usr/include) in a dictionary, reads it all back from a cold start and\n"
    "compares; then does it again in a process that is killed on the way, and looks at what survived.\n";

std::optional<dictsqlite::IoBackendChoice> backend_from(std::string_view name) {
  using enum dictsqlite::IoBackendChoice;
  for (const auto choice : {kAuto, kUring, kThreads}) {
    if (name == name_of(choice)) return choice;
  }
  return std::nullopt;
}

template <class Number>
bool parse_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

// Takes one option with its value. False if there is no such option or its value is none.
bool take_option(std::string_view name, std::string_view value, Arguments& arguments) {
  if (name == "--database") {
    arguments.database = value;
    return !value.empty();
  }
  if (name == "--coroutines") {
    return parse_number(value, arguments.coroutines) && arguments.coroutines >= 1 &&
           arguments.coroutines <= kCoroutinesMax;
  }
  if (name == "--io") {
    const auto choice = backend_from(value);
    if (choice) arguments.io_backend = *choice;
    return choice.has_value();
  }
  if (name == "--seed") return parse_number(value, arguments.seed.emplace());
  return false;
}

}  // namespace

const char* name_of(dictsqlite::IoBackendChoice choice) {
  switch (choice) {
    case dictsqlite::IoBackendChoice::kAuto:
      return "auto";
    case dictsqlite::IoBackendChoice::kUring:
      return "uring";
    case dictsqlite::IoBackendChoice::kThreads:
      return "threads";
  }
  return "";
}

std::optional<Arguments> parse_arguments(int argc, char** argv) {
  Arguments arguments;
  bool have_directory = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--no-kill") {
      arguments.kill = false;
    } else if (argument == "--write-and-report") {
      arguments.write_and_report = true;
    } else if (!argument.starts_with("-") && !have_directory) {
      arguments.directory = argument;
      have_directory = true;
    } else if (i + 1 < argc && take_option(argument, argv[i + 1], arguments)) {
      ++i;
    } else {
      std::fprintf(stderr, "index_tree: '%s' is not understood, or its value is not\n\n%s", argv[i], kUsage);
      return std::nullopt;
    }
  }
  return arguments;
}

dictsqlite::Options database_options(const Arguments& arguments, const std::string& path) {
  dictsqlite::Options options;
  options.path = path;
  options.io_backend = arguments.io_backend;
  return options;
}

}  // namespace index_tree
