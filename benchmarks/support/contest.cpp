#include "support/contest.hpp"

#include <utility>

namespace dictsqlite::bench {

namespace {

template <typename Figure>
std::vector<double> figures(const std::vector<Sample>& samples, Figure figure) {
  std::vector<double> result;
  result.reserve(samples.size());
  for (const Sample& sample : samples) result.push_back(figure(sample));
  return result;
}

}  // namespace

std::vector<double> Contest::Contender::rates() const {
  return figures(samples, [](const Sample& sample) { return sample.per_second(); });
}
std::vector<double> Contest::Contender::p50_us() const {
  return figures(samples, [](const Sample& sample) { return sample.p50_us; });
}
std::vector<double> Contest::Contender::p99_us() const {
  return figures(samples, [](const Sample& sample) { return sample.p99_us; });
}
std::vector<double> Contest::Contender::p999_us() const {
  return figures(samples, [](const Sample& sample) { return sample.p999_us; });
}
std::vector<double> Contest::Contender::longest_us() const {
  return figures(samples, [](const Sample& sample) { return sample.longest_us; });
}

const Contest::Contender& Contest::add(std::string name, std::function<Sample()> run) {
  return contenders_.emplace_back(Contender{std::move(name), std::move(run), {}});
}

void Contest::run(std::size_t rounds) {
  for (Contender& contender : contenders_) {
    static_cast<void>(contender.run());
    wait_until_idle();
  }
  for (std::size_t round = 0; round < rounds; ++round) {
    for (std::size_t turn = 0; turn < contenders_.size(); ++turn) {
      Contender& contender = contenders_[round % 2 == 0 ? turn : contenders_.size() - 1 - turn];
      contender.samples.push_back(contender.run());
      wait_until_idle();
    }
  }
}

}  // namespace dictsqlite::bench
